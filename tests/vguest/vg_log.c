/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "vg_log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static char first[512];
static bool held;

int
vg_err(const char *fmt, ...)
{
	va_list ap;

	if (first[0] != '\0')
		return -1;
	va_start(ap, fmt);
	vsnprintf(first, sizeof(first), fmt, ap);
	va_end(ap);
	if (!held)
		fprintf(stderr, "vguest: %s\n", first);
	return -1;
}

void
vg_err_hold(void)
{
	held = true;
}

void
vg_err_forget(void)
{
	held = false;
	first[0] = '\0';
}

void
vg_err_show(void)
{
	if (held && first[0] != '\0')
		fprintf(stderr, "vguest: %s\n", first);
	held = false;
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
