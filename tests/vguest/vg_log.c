/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "vg_log.h"

#include <stdarg.h>
#include <stdio.h>

static char first[512];

int
vg_err(const char *fmt, ...)
{
	va_list ap;

	if (first[0] != '\0')
		return -1;
	va_start(ap, fmt);
	vsnprintf(first, sizeof(first), fmt, ap);
	va_end(ap);
	fprintf(stderr, "vguest: %s\n", first);
	return -1;
}

const char *
vg_err_text(void)
{
	return first;
}

void
vg_json_string(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			putchar('\\');
		putchar((unsigned char)*s < 0x20 ? ' ' : *s);
	}
	putchar('"');
}
