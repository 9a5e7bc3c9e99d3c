/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "vg_parse.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "virtio_abi.h"

#include "vg_fault.h"
#include "vg_log.h"
#include "vg_mem.h"
#include "vg_pattern.h"
#include "vg_port.h"

static const char usage[] =
	"usage: vguest --virtq=PATH | --vhost=PATH [options]\n"
	"plays a guest's virtio-net driver and its device towards eth_virtq or net_vhost,\n"
	"and prints one line of JSON\n"
	"\n"
	"the other side\n"
	"  --virtq=PATH           connector of eth_virtq\n"
	"  --vhost=PATH           vhost-user socket of eth_virtq or net_vhost\n"
	"  --nid=N|A-B            which port (0), or ports, all at a time; vhost: PATH followed by N\n"
	"  --server               vhost: listen, for client=1\n"
	"  --plain                vhost: no protocol features\n"
	"  --slots                vhost: one message for each region of memory\n"
	"  --inflight             vhost: an area in which the backend says how far it is\n"
	"  --wait=MS              how long to wait for it to be there (10000)\n"
	"the device\n"
	"  --queues=N             queue pairs (1)\n"
	"  --ring=N               entries of each ring (256); --rx-ring, --tx-ring: of one kind\n"
	"  --packed --in-order --event-idx --legacy --any-layout --no-mergeable\n"
	"  --indirect=WHICH       tx, rx, all, or mix (some of tx): chains in tables of their own\n"
	"memory\n"
	"  --hugetlb              huge pages\n"
	"  --regions=N            1 to 8 regions that stand side by side (1)\n"
	"  --hdr-off=N            where in a buffer the network header begins (64)\n"
	"  --hdr-own              the header has a descriptor of its own\n"
	"  --rx-buf=BYTES         receive buffer, header included (2060)\n"
	"  --rx-seg=BYTES         cut receive buffers into descriptors of that size (0: one)\n"
	"  --tx-seg=BYTES         cut packets into descriptors of that size (0: one)\n"
	"packets\n"
	"  --size=N|A-B|imix      bytes of a packet, or a range (64)\n"
	"  --touch=none|first|all perf: what of the payload is read or written (none)\n"
	"the run\n"
	"  --mode=rx|tx|loop|pingpong (loop)\n"
	"  --perf                 as light as can be, nothing is verified\n"
	"  --packets=N            a queue pair (100000); --ms=T: for that long instead\n"
	"  --window=N             loop: packets under way, a queue pair\n"
	"  --rate=PPS             packets a second, a queue pair\n"
	"  --batch=N              packets at a time (32); --min-batch=N: perf, at least (1)\n"
	"  --notify               wait for interrupts instead of polling\n"
	"  --cpu=N                run there\n"
	"  --timeout=MS           without progress: failed (5000)\n"
	"lives\n"
	"  --restart-every=N      stop and start again after every N packets received\n"
	"  --reconnect            go on when the backend comes back after its death\n"
	"  --kill=WHEN            kill the backend, and --reconnect: any, or while it returns a\n"
	"                         burst to a packed ring: noted, torn, made (in the first port)\n"
	"  --kills=N              how often (1); --kill-every=N: at most so many packets later (1000)\n"
	"faults\n"
	"  --fault=NAME           break the rules, expect BROKEN, reset, go on; 'list' lists them\n"
	"  --fault-at=N           after N packets (1000)\n"
	"  --fault-rx             in the receive ring, not in the transmit ring\n";

enum {
	O_VIRTQ = 256,
	O_NID,
	O_VHOST,
	O_SERVER,
	O_PLAIN,
	O_SLOTS,
	O_INFLIGHT,
	O_WAIT,
	O_QUEUES,
	O_RING,
	O_RX_RING,
	O_TX_RING,
	O_PACKED,
	O_IN_ORDER,
	O_EVENT_IDX,
	O_LEGACY,
	O_ANY_LAYOUT,
	O_NO_MERGEABLE,
	O_INDIRECT,
	O_HUGETLB,
	O_REGIONS,
	O_HDR_OFF,
	O_HDR_OWN,
	O_RX_BUF,
	O_RX_SEG,
	O_TX_SEG,
	O_SIZE,
	O_TOUCH,
	O_MODE,
	O_PERF,
	O_PACKETS,
	O_MS,
	O_WINDOW,
	O_RATE,
	O_BATCH,
	O_MIN_BATCH,
	O_NOTIFY,
	O_CPU,
	O_TIMEOUT,
	O_RESTART,
	O_RECONNECT,
	O_KILL,
	O_KILLS,
	O_KILL_EVERY,
	O_FAULT,
	O_FAULT_AT,
	O_FAULT_RX,
	O_HELP
};

static const struct option longopts[] = {
	{"virtq", 1, NULL, O_VIRTQ},
	{"nid", 1, NULL, O_NID},
	{"vhost", 1, NULL, O_VHOST},
	{"server", 0, NULL, O_SERVER},
	{"plain", 0, NULL, O_PLAIN},
	{"slots", 0, NULL, O_SLOTS},
	{"inflight", 0, NULL, O_INFLIGHT},
	{"wait", 1, NULL, O_WAIT},
	{"queues", 1, NULL, O_QUEUES},
	{"ring", 1, NULL, O_RING},
	{"rx-ring", 1, NULL, O_RX_RING},
	{"tx-ring", 1, NULL, O_TX_RING},
	{"packed", 0, NULL, O_PACKED},
	{"in-order", 0, NULL, O_IN_ORDER},
	{"event-idx", 0, NULL, O_EVENT_IDX},
	{"legacy", 0, NULL, O_LEGACY},
	{"any-layout", 0, NULL, O_ANY_LAYOUT},
	{"no-mergeable", 0, NULL, O_NO_MERGEABLE},
	{"indirect", 1, NULL, O_INDIRECT},
	{"hugetlb", 0, NULL, O_HUGETLB},
	{"regions", 1, NULL, O_REGIONS},
	{"hdr-off", 1, NULL, O_HDR_OFF},
	{"hdr-own", 0, NULL, O_HDR_OWN},
	{"rx-buf", 1, NULL, O_RX_BUF},
	{"rx-seg", 1, NULL, O_RX_SEG},
	{"tx-seg", 1, NULL, O_TX_SEG},
	{"size", 1, NULL, O_SIZE},
	{"touch", 1, NULL, O_TOUCH},
	{"mode", 1, NULL, O_MODE},
	{"perf", 0, NULL, O_PERF},
	{"packets", 1, NULL, O_PACKETS},
	{"ms", 1, NULL, O_MS},
	{"window", 1, NULL, O_WINDOW},
	{"rate", 1, NULL, O_RATE},
	{"batch", 1, NULL, O_BATCH},
	{"min-batch", 1, NULL, O_MIN_BATCH},
	{"notify", 0, NULL, O_NOTIFY},
	{"cpu", 1, NULL, O_CPU},
	{"timeout", 1, NULL, O_TIMEOUT},
	{"restart-every", 1, NULL, O_RESTART},
	{"reconnect", 0, NULL, O_RECONNECT},
	{"kill", 1, NULL, O_KILL},
	{"kills", 1, NULL, O_KILLS},
	{"kill-every", 1, NULL, O_KILL_EVERY},
	{"fault", 1, NULL, O_FAULT},
	{"fault-at", 1, NULL, O_FAULT_AT},
	{"fault-rx", 0, NULL, O_FAULT_RX},
	{"help", 0, NULL, O_HELP},
	{NULL, 0, NULL, 0},
};

static const char *
name_of(int id)
{
	for (const struct option *l = longopts; l->name; l++)
		if (l->val == id)
			return l->name;
	return "?";
}

static int
number(int id, const char *s, uint64_t min, uint64_t max, uint64_t *to)
{
	char *end;

	errno = 0;
	*to = strtoull(s, &end, 0);
	if (errno != 0 || end == s || *end != '\0' || *s == '-' || *to < min || *to > max)
		return vg_err("--%s=%s: give a number from %llu to %llu", name_of(id), s,
			      (unsigned long long)min, (unsigned long long)max);
	return 0;
}

static int
number32(int id, const char *s, uint64_t min, uint64_t max, uint32_t *to)
{
	uint64_t v = 0;
	int err = number(id, s, min, max, &v);

	*to = (uint32_t)v;
	return err;
}

/* One number, or two with a dash between them. */
static int
range(int id, const char *s, uint64_t min, uint64_t max, uint32_t *from, uint32_t *to)
{
	const char *dash = strchr(s, '-');
	char low[16];

	snprintf(low, sizeof(low), "%.*s", dash ? (int)(dash - s) : 15, s);
	if (number32(id, low, min, max, from) != 0)
		return -1;
	return number32(id, dash ? dash + 1 : low, *from, max, to);
}

/* Which of the names, in the order of the enum. */
static int
choice(int id, const char *s, const char *const *names)
{
	for (int i = 0; names[i]; i++)
		if (strcmp(s, names[i]) == 0)
			return i;
	return vg_err("--%s=%s: no such choice, see --help", name_of(id), s);
}

static int
parse_size(struct vg_opts *o, const char *s)
{
	o->imix = strcmp(s, "imix") == 0;
	if (o->imix) {
		o->size_min = 64;
		o->size_max = 1518;
		return 0;
	}
	return range(O_SIZE, s, VG_FRAME_MIN, VG_MAX_FRAME, &o->size_min, &o->size_max);
}

static int
parse_nid(struct vg_opts *o, const char *s)
{
	uint32_t last;

	if (range(O_NID, s, 0, UINT32_MAX, &o->nid, &last) != 0)
		return -1;
	if (last - o->nid >= VG_MAX_PORTS)
		return vg_err("--nid=%s: at most %u ports", s, VG_MAX_PORTS);
	o->ports = last - o->nid + 1;
	return 0;
}

static int
parse_choice(struct vg_opts *o, int id, const char *s)
{
	static const char *const modes[] = {"rx", "tx", "loop", "pingpong", NULL};
	static const char *const touches[] = {"none", "first", "all", NULL};
	static const char *const indirects[] = {"off", "tx", "rx", "all", "mix", NULL};
	static const char *const moments[] = {"any", "noted", "torn", "made", NULL};
	int i = choice(id, s,
		       id == O_MODE    ? modes
		       : id == O_TOUCH ? touches
		       : id == O_KILL  ? moments
				       : indirects);

	if (i < 0)
		return -1;
	if (id == O_MODE)
		o->mode = (enum vg_mode)i;
	else if (id == O_TOUCH)
		o->touch = (enum vg_touch)i;
	else if (id == O_KILL)
		o->kill_at = (enum vg_moment)i;
	else
		o->indirect = (enum vg_indirect)i;
	return 0;
}

static bool
parse_flag(struct vg_opts *o, int id)
{
	switch (id) {
	case O_SERVER:
		return o->server = true;
	case O_PLAIN:
		return o->plain = true;
	case O_SLOTS:
		return o->slots = true;
	case O_INFLIGHT:
		return o->inflight = true;
	case O_PACKED:
		return o->packed = true;
	case O_IN_ORDER:
		return o->in_order = true;
	case O_EVENT_IDX:
		return o->event_idx = true;
	case O_LEGACY:
		return o->legacy = true;
	case O_ANY_LAYOUT:
		return o->any_layout = true;
	case O_NO_MERGEABLE:
		return !(o->mergeable = false);
	case O_HUGETLB:
		return o->hugetlb = true;
	case O_HDR_OWN:
		return o->hdr_own = true;
	case O_PERF:
		return o->perf = true;
	case O_NOTIFY:
		return o->notify = true;
	case O_RECONNECT:
		return o->reconnect = true;
	case O_FAULT_RX:
		return o->fault_rx = true;
	}
	return false;
}

static int
parse_number(struct vg_opts *o, int id, const char *s)
{
	uint32_t cpu;

	switch (id) {
	case O_KILLS:
		return number32(id, s, 1, 1000000, &o->kills);
	case O_KILL_EVERY:
		return number(id, s, 1, UINT32_MAX, &o->kill_every);
	case O_WAIT:
		return number32(id, s, 0, 3600000, &o->wait_ms);
	case O_QUEUES:
		return number32(id, s, 1, VG_MAX_PAIRS, &o->pairs);
	case O_RX_RING:
		return number32(id, s, 2, 32768, &o->rx_ring);
	case O_TX_RING:
		return number32(id, s, 2, 32768, &o->tx_ring);
	case O_RING:
		if (number32(id, s, 2, 32768, &o->rx_ring) != 0)
			return -1;
		o->tx_ring = o->rx_ring;
		return 0;
	case O_REGIONS:
		return number32(id, s, 1, VG_MEM_MAX_REGIONS, &o->regions);
	case O_HDR_OFF:
		return number32(id, s, 0, 4096, &o->hdr_off);
	case O_RX_BUF:
		return number32(id, s, 16, 131072, &o->rx_buf);
	case O_RX_SEG:
		return number32(id, s, 1, 131072, &o->rx_seg);
	case O_TX_SEG:
		return number32(id, s, 1, 131072, &o->tx_seg);
	case O_PACKETS:
		return number(id, s, 1, UINT64_MAX / 2, &o->packets);
	case O_MS:
		return number32(id, s, 1, 3600000, &o->ms);
	case O_WINDOW:
		return number32(id, s, 1, 32768, &o->window);
	case O_RATE:
		return number(id, s, 1, 1000000000, &o->rate);
	case O_BATCH:
		return number32(id, s, 1, 1024, &o->batch);
	case O_MIN_BATCH:
		return number32(id, s, 1, 1024, &o->min_batch);
	case O_TIMEOUT:
		return number32(id, s, 1, 3600000, &o->timeout_ms);
	case O_RESTART:
		return number(id, s, 1, UINT64_MAX / 2, &o->restart_every);
	case O_FAULT_AT:
		return number(id, s, 1, UINT64_MAX / 2, &o->fault_at);
	case O_CPU:
		if (number32(id, s, 0, 1023, &cpu) != 0)
			return -1;
		o->cpu = (int)cpu;
		return 0;
	}
	return vg_err("see --help");
}

static int
parse_one(struct vg_opts *o, int id)
{
	switch (id) {
	case O_VHOST:
		o->vhost = true;
		/* fall through */
	case O_VIRTQ:
		if (o->path)
			return vg_err("--%s=%s: %s was given already, there is one backend",
				      name_of(id), optarg, o->path);
		o->path = optarg;
		return 0;
	case O_SIZE:
		return parse_size(o, optarg);
	case O_NID:
		o->nid_given = true;
		return parse_nid(o, optarg);
	case O_KILL:
		o->reconnect = true;
		o->kills = o->kills ? o->kills : 1;
		return parse_choice(o, id, optarg);
	case O_MODE:
	case O_TOUCH:
	case O_INDIRECT:
		return parse_choice(o, id, optarg);
	case O_FAULT:
		o->fault = optarg;
		return 0;
	}
	return parse_flag(o, id) ? 0 : parse_number(o, id, optarg);
}

static int
check_rings(const struct vg_opts *o)
{
	if (!o->packed &&
	    ((o->rx_ring & (o->rx_ring - 1)) != 0 || (o->tx_ring & (o->tx_ring - 1)) != 0))
		return vg_err("--ring=%u: a split ring has a power of two of entries", o->rx_ring);
	if (o->legacy && (o->packed || o->in_order))
		return vg_err("--legacy: packed rings and in-order need a modern device");
	return 0;
}

static int
check(const struct vg_opts *o)
{
	if (!o->path)
		return vg_err("give --virtq=PATH or --vhost=PATH, see --help");
	if ((o->server || o->plain || o->slots || o->inflight) && !o->vhost)
		return vg_err("--server, --plain, --slots, --inflight: go with --vhost");
	if (o->plain && (o->slots || o->inflight || o->pairs > 1))
		return vg_err("--plain: --slots, --inflight and --queues need protocol features");
	if (o->fault && (o->perf || o->mode == VG_PINGPONG))
		return vg_err("--fault=%s: does not go with --perf and pingpong", o->fault);
	if (o->fault && vg_fault_check(o) != 0)
		return -1;
	if (o->perf && (o->mode == VG_PINGPONG || o->restart_every || o->reconnect || o->rate))
		return vg_err("--perf: does not go with pingpong, --rate, --restart-every or "
			      "--reconnect");
	if (o->ports > 1 && (o->perf || o->notify))
		return vg_err("--nid: several ports do not go with --perf and --notify");
	if (o->kills && !o->reconnect)
		return vg_err("--kills=%u: goes with --kill", o->kills);
	if (o->kills && o->vhost && o->packed && !o->inflight)
		return vg_err("--kill: packed rings of vhost-user need --inflight");
	if (o->kill_at == VG_AT_MADE && o->vhost)
		return vg_err("--kill=made: goes with --virtq");
	if (o->kill_at != VG_AT_ANY && !o->packed)
		return vg_err("--kill: noted, torn and made go with --packed, split rings have no "
			      "journal");
	if (o->perf && o->indirect == VG_IND_MIX)
		return vg_err("--indirect=mix: does not go with --perf");
	return check_rings(o) != 0 ? -1 : vg_layout_check(o);
}

static void
defaults(struct vg_opts *o)
{
	*o = (struct vg_opts){
		.ports = 1,
		.pairs = 1,
		.rx_ring = 256,
		.tx_ring = 256,
		.mergeable = true,
		.regions = 1,
		.hdr_off = 64,
		.rx_buf = 2060,
		.size_min = 64,
		.size_max = 64,
		.mode = VG_LOOP,
		.packets = 100000,
		.batch = 32,
		.min_batch = 1,
		.cpu = -1,
		.wait_ms = 10000,
		.timeout_ms = 5000,
		.fault_at = 1000,
		.kill_every = 1000,
	};
}

int
vg_opts_parse(struct vg_opts *o, int argc, char **argv)
{
	int id;

	defaults(o);
	while ((id = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		if (id == O_HELP) {
			fputs(usage, stdout);
			exit(0);
		}
		if (id == '?' || parse_one(o, id) != 0)
			return 2;
	}
	if (optind < argc) {
		vg_err("%s: options only, see --help", argv[optind]);
		return 2;
	}
	if (o->fault && strcmp(o->fault, "list") == 0) {
		vg_fault_list();
		exit(0);
	}
	return check(o) != 0 ? 2 : 0;
}
