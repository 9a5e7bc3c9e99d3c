/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* usage: hostile [--packed] [--no-server] GROUP...
 *
 * Runs groups of cases (all of them if none is named), and after each case sends packets
 * and commands as a driver should.  Prints the cases after which that no longer works, and
 * in the last line how many cases and how many of these there were.  What it cannot see
 * from inside (QEMU ends, or stands still) is its caller's to watch. */

#include "hostile.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PACKETS 8u
#define TRIES 4u
/* A server that ended the connection is asked again a second later. */
#define ANSWER_MS 1500

bool no_server;
static unsigned int cases, wedged;

static bool
works(void)
{
	const struct seg command[] = {{area_pa[2], 3, 0}, {area_pa[2] + 16, 1, D_WRITE}};
	unsigned int i;

	if (drv_start(S_RUNNING) != 0)
		return false;
	memset(area[2], 0, 32);
	drv_post(CTRL, command, 2);
	drv_kick(CTRL);
	if (!drv_wait_used(CTRL, 1, ANSWER_MS))
		return false;
	for (i = 0; !no_server && i < PACKETS; i++)
		drv_post_one(TX, area_pa[1], 72, 0);
	drv_kick(TX);
	return no_server || drv_wait_used(TX, PACKETS, ANSWER_MS);
}

void
check(const char *fmt, ...)
{
	unsigned int i;
	va_list ap;

	cases++;
	for (i = 0; i < TRIES; i++) {
		if (works())
			return;
	}
	wedged++;
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf(": wedged, status %#x\n", hw_read8(STATUS));
	fflush(stdout);
}

static bool
run(const char *name)
{
	unsigned int i;

	for (i = 0; i < num_groups; i++) {
		if (!strcmp(groups[i].name, name)) {
			groups[i].run();
			return true;
		}
	}
	return false;
}

int
main(int argc, char **argv)
{
	unsigned int i, named = 0;
	int k;

	if (hw_open() != 0) {
		fputs("hostile: no virtio network device, or no hugepages\n", stderr);
		return 2;
	}
	for (k = 1; k < argc; k++) {
		want_packed |= !strcmp(argv[k], "--packed");
		no_server |= !strcmp(argv[k], "--no-server");
	}
	check("nothing");
	for (k = 1; k < argc; k++) {
		if (argv[k][0] == '-')
			continue;
		named++;
		if (!run(argv[k])) {
			fprintf(stderr, "hostile: there is no group %s\n", argv[k]);
			return 2;
		}
	}
	for (i = 0; !named && i < num_groups; i++)
		groups[i].run();
	drv_reset();
	printf("%u cases, %u wedged\n", cases, wedged);
	return wedged != 0;
}
