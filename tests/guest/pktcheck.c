/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* The command line of pktcheck (pktcheck.h). */

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pktcheck.h"

static const char usage[] =
	"usage: pktcheck MODE --dev IF [options]\n"
	"  send    --dst MAC --stream N --count N [--window N] [--size N|N-M|imix]\n"
	"  recv    --stream N --count N [--window N] [--size as the sender's]\n"
	"  replay  --file PCAP [--window N]\n"
	"  digest  --from MAC --count N     one line a packet: length, hash\n"
	"  all     [--timeout S] whole run  [--idle S] without a packet of the peer\n";

static const struct option options[] = {
	{"dev", 1, NULL, 'd'},     {"dst", 1, NULL, 'D'},    {"stream", 1, NULL, 's'},
	{"count", 1, NULL, 'n'},   {"window", 1, NULL, 'w'}, {"size", 1, NULL, 'l'},
	{"timeout", 1, NULL, 't'}, {"idle", 1, NULL, 'i'},   {"from", 1, NULL, 'f'},
	{"file", 1, NULL, 'F'},    {NULL, 0, NULL, 0},
};

double
pkt_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

void
pkt_die(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "pktcheck: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	exit(2);
}

static uint32_t
number(const char *name, const char *text, uint32_t min, uint32_t max)
{
	char *end;
	unsigned long v = strtoul(text, &end, 0);

	if (*end || end == text || v < min || v > max)
		pkt_die("--%s %s: a number from %u to %u was expected", name, text, min, max);
	return v;
}

static void
mac(const char *name, const char *text, uint8_t *out)
{
	unsigned int m[6];
	char rest;
	int i;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5],
		   &rest) != 6)
		pkt_die("--%s %s: an address such as 02:00:00:00:00:01 was expected", name, text);
	for (i = 0; i < 6; i++)
		out[i] = m[i];
}

static void
size(struct pkt_options *o, const char *text)
{
	char *copy, *dash;

	if (!strcmp(text, "imix")) {
		o->imix = true;
		o->min_size = 60;
		o->max_size = 1514;
		return;
	}
	copy = strdup(text);
	dash = strchr(copy, '-');
	if (dash)
		*dash = '\0';
	o->min_size = number("size", copy, PKT_MIN, PKT_MAX);
	o->max_size = dash ? number("size", dash + 1, o->min_size, PKT_MAX) : o->min_size;
	free(copy);
}

static void
set(struct pkt_options *o, int opt)
{
	switch (opt) {
	case 'd':
		o->dev = optarg;
		break;
	case 'D':
		mac("dst", optarg, o->dst);
		break;
	case 's':
		o->stream = number("stream", optarg, 0, UINT32_MAX);
		break;
	case 'n':
		o->count = number("count", optarg, 1, 1u << 30);
		break;
	case 'w':
		o->window = number("window", optarg, 1, 4096);
		break;
	case 'l':
		size(o, optarg);
		break;
	case 't':
		o->timeout = number("timeout", optarg, 1, 86400);
		break;
	case 'i':
		o->idle = number("idle", optarg, 1, 86400);
		break;
	case 'f':
		mac("from", optarg, o->from);
		break;
	case 'F':
		o->file = optarg;
		break;
	default:
		pkt_die("%s", usage);
	}
}

int
main(int argc, char **argv)
{
	struct pkt_options o = {
		.stream = 1,
		.count = 1000,
		.window = 128,
		.min_size = 60,
		.max_size = 60,
		.timeout = 60,
		.idle = 10,
	};
	int opt;

	if (argc < 2)
		pkt_die("%s", usage);
	while ((opt = getopt_long(argc - 1, argv + 1, "", options, NULL)) != -1)
		set(&o, opt);
	if (!o.dev)
		pkt_die("--dev is missing\n%s", usage);
	if (!strcmp(argv[1], "send"))
		return pkt_send_main(&o);
	if (!strcmp(argv[1], "recv"))
		return pkt_recv_main(&o);
	if (!strcmp(argv[1], "replay") && o.file)
		return pkt_replay_main(&o);
	if (!strcmp(argv[1], "digest"))
		return pkt_digest_main(&o);
	pkt_die("%s: no such mode, or it lacks an option\n%s", argv[1], usage);
}
