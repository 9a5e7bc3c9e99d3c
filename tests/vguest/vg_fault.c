/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "vg_fault.h"

#include <stdio.h>
#include <string.h>

#include "vg_log.h"
#include "vg_port.h"

/* A chain of one good descriptor, to be spoilt before it is published. */
struct victim {
	struct vg_port *p;
	struct vg_queue *q;
	uint16_t id;
	struct vring_desc d; /* its descriptor; packed: without the wrap bits */
	struct vring_desc table[4];
	uint64_t gpa_table; /* where the table goes: its buffer */
};

static uint64_t
mem_end(const struct victim *v)
{
	return VG_MEM_GPA + v->p->mem.size;
}

/* The good descriptor moves into a table of n entries. */
static void
make_table(struct victim *v, uint32_t n)
{
	for (uint32_t i = 0; i < 4; i++)
		v->table[i] = v->d;
	v->d = (struct vring_desc){v->gpa_table, 16 * n, VRING_DESC_F_INDIRECT, 0};
}

static void
f_next(struct victim *v)
{
	v->d.flags |= VRING_DESC_F_NEXT;
	v->d.next = v->q->ring.vd.size;
}

static void
f_loop(struct victim *v)
{
	v->d.flags |= VRING_DESC_F_NEXT;
	v->d.next = v->id;
}

/* Packed: every slot says that there is more. */
static void
f_endless(struct victim *v)
{
	struct vdriver *r = &v->q->ring.vd;

	v->d.flags |= VRING_DESC_F_NEXT;
	for (uint32_t i = 0; i < r->size; i++)
		if (i != r->pending_slot)
			r->slot[i] = (struct vring_packed_desc){v->d.addr, v->d.len, 0, v->d.flags};
}

static void
f_addr_outside(struct victim *v)
{
	v->d.addr = mem_end(v) + 4096;
}

static void
f_addr_below(struct victim *v)
{
	v->d.addr = VG_MEM_GPA - 4096;
}

static void
f_addr_cross(struct victim *v)
{
	v->d.addr = mem_end(v) - 16;
}

static void
f_addr_wrap(struct victim *v)
{
	v->d.addr = UINT64_MAX - 15;
}

static void
f_len_huge(struct victim *v)
{
	v->d.len = UINT32_MAX;
}

static void
f_direction(struct victim *v)
{
	v->d.flags ^= VRING_DESC_F_WRITE;
}

static void
f_short(struct victim *v)
{
	v->d.len = 8;
}

static void
f_ind_off(struct victim *v)
{
	make_table(v, 1);
}

static void
f_ind_zero(struct victim *v)
{
	make_table(v, 0);
}

static void
f_ind_odd(struct victim *v)
{
	make_table(v, 1);
	v->d.len += 8;
}

static void
f_ind_long(struct victim *v)
{
	make_table(v, VG_MAX_SEGS + 1);
}

static void
f_ind_outside(struct victim *v)
{
	make_table(v, 1);
	v->d.addr = mem_end(v) - 8;
}

static void
f_ind_nested(struct victim *v)
{
	make_table(v, 1);
	v->table[0] = (struct vring_desc){v->gpa_table + 16, 16, VRING_DESC_F_INDIRECT, 0};
}

static void
f_ind_and_next(struct victim *v)
{
	make_table(v, 1);
	v->d.flags |= VRING_DESC_F_NEXT;
}

static void
f_ind_direction(struct victim *v)
{
	make_table(v, 1);
	v->table[0].flags ^= VRING_DESC_F_WRITE;
}

static void
f_ind_addr(struct victim *v)
{
	make_table(v, 1);
	v->table[0].addr = mem_end(v);
}

static void
f_ind_loop(struct victim *v)
{
	make_table(v, 2);
	v->table[0].flags |= VRING_DESC_F_NEXT;
	v->table[1].flags |= VRING_DESC_F_NEXT;
	v->table[0].next = 1;
	v->table[1].next = 0;
}

static void
f_ind_next(struct victim *v)
{
	make_table(v, 2);
	v->table[0].flags |= VRING_DESC_F_NEXT;
	v->table[0].next = 2;
}

enum {
	SPLIT = 1,
	PACKED = 2,
	RX_ONLY = 4,
	TX_ONLY = 8,
	IND_ON = 16,
	IND_OFF = 32
};

static const struct fault {
	const char *name;
	unsigned int when;
	void (*spoil)(struct victim *v); /* NULL: done to the available ring */
} faults[] = {
	{"head", SPLIT, NULL},
	{"jump", SPLIT, NULL},
	{"next", SPLIT, f_next},
	{"loop", SPLIT, f_loop},
	{"endless", PACKED | TX_ONLY, f_endless},
	{"addr-outside", SPLIT | PACKED, f_addr_outside},
	{"addr-below", SPLIT | PACKED, f_addr_below},
	{"addr-cross", SPLIT | PACKED, f_addr_cross},
	{"addr-wrap", SPLIT | PACKED, f_addr_wrap},
	{"len-huge", SPLIT | PACKED, f_len_huge},
	{"direction", SPLIT | PACKED, f_direction},
	{"short", SPLIT | PACKED | RX_ONLY, f_short},
	{"ind-off", SPLIT | PACKED | IND_OFF, f_ind_off},
	{"ind-zero", SPLIT | PACKED | IND_ON, f_ind_zero},
	{"ind-odd", SPLIT | PACKED | IND_ON, f_ind_odd},
	{"ind-long", SPLIT | PACKED | IND_ON, f_ind_long},
	{"ind-outside", SPLIT | PACKED | IND_ON, f_ind_outside},
	{"ind-nested", SPLIT | PACKED | IND_ON, f_ind_nested},
	{"ind-and-next", SPLIT | PACKED | IND_ON, f_ind_and_next},
	{"ind-direction", SPLIT | PACKED | IND_ON, f_ind_direction},
	{"ind-addr", SPLIT | PACKED | IND_ON, f_ind_addr},
	{"ind-loop", SPLIT | IND_ON, f_ind_loop},
	{"ind-next", SPLIT | IND_ON, f_ind_next},
};
#define NFAULT (sizeof(faults) / sizeof(faults[0]))

static const struct fault *
find(const char *name)
{
	for (size_t i = 0; i < NFAULT; i++)
		if (strcmp(faults[i].name, name) == 0)
			return &faults[i];
	return NULL;
}

void
vg_fault_list(void)
{
	for (size_t i = 0; i < NFAULT; i++)
		printf("%-14s%s%s%s%s%s%s\n", faults[i].name,
		       faults[i].when & SPLIT ? " split" : "",
		       faults[i].when & PACKED ? " packed" : "",
		       faults[i].when & RX_ONLY ? " rx" : "", faults[i].when & TX_ONLY ? " tx" : "",
		       faults[i].when & IND_ON ? " indirect" : "",
		       faults[i].when & IND_OFF ? " no-indirect" : "");
}

int
vg_fault_check(const struct vg_opts *o)
{
	const struct fault *f = find(o->fault);
	const char *why = NULL;

	if (!f)
		return vg_err("--fault=%s: no such fault, --fault=list lists them", o->fault);
	if (!(f->when & (o->packed ? PACKED : SPLIT)))
		why = "split rings";
	else if ((f->when & RX_ONLY) && !o->fault_rx)
		why = "--fault-rx";
	else if ((f->when & TX_ONLY) && o->fault_rx)
		why = "the transmit ring";
	else if ((f->when & IND_ON) && o->indirect == VG_IND_OFF)
		why = "--indirect";
	else if ((f->when & IND_OFF) && o->indirect != VG_IND_OFF)
		why = "rings without --indirect";
	if (why)
		return vg_err("--fault=%s: goes with %s", o->fault, why);
	if (o->mode == (o->fault_rx ? VG_TX : VG_RX))
		return vg_err("--fault=%s: nothing moves in that ring in this --mode", o->fault);
	return 0;
}

/* The descriptor that vdriver_add() wrote, and back again. */
static void
load(struct victim *v)
{
	const struct vdriver *r = &v->q->ring.vd;
	const struct vring_packed_desc *s = &r->slot[r->pending_slot];

	if (!r->packed)
		v->d = r->desc[v->id];
	else
		v->d = (struct vring_desc){s->addr, s->len, v->q->rx ? VRING_DESC_F_WRITE : 0, 0};
}

/* Writes the table in the format of the ring. */
static void
store_table(const struct victim *v)
{
	struct vring_desc *at = vg_mem_ptr(&v->p->mem, v->gpa_table);

	for (uint32_t i = 0; i < 4; i++) {
		const struct vring_desc *d = &v->table[i];
		struct vring_packed_desc pd = {d->addr, d->len, 0, d->flags};

		if (v->q->ring.vd.packed)
			memcpy(&at[i], &pd, sizeof(pd));
		else
			at[i] = *d;
	}
}

static void
store(struct victim *v)
{
	struct vdriver *r = &v->q->ring.vd;

	store_table(v);
	if (!r->packed) {
		r->desc[v->id] = v->d;
		return;
	}
	r->slot[r->pending_slot].addr = v->d.addr;
	r->slot[r->pending_slot].len = v->d.len;
	r->pending_flags =
		(uint16_t)((r->pending_flags & (VRING_PACKED_F_AVAIL | VRING_PACKED_F_USED)) |
			   v->d.flags);
}

bool
vg_fault_inject(struct vg_port *p, struct vg_queue *q)
{
	const struct fault *f = find(p->o->fault);
	struct vdriver *vd = &q->ring.vd;
	/* a buffer that no good chain has */
	uint64_t buf = q->bufs + (uint64_t)q->lay->count * q->lay->stride;
	struct vdriver_seg seg = {buf, q->lay->cap, q->rx};
	struct victim v = {.p = p, .q = q, .gpa_table = buf};
	int id;

	vg_ring_publish(&q->ring);
	/* these write all over the ring, and wait until it is empty */
	if ((f->when & TX_ONLY) && vd->nbusy > 0)
		return false;
	id = vg_ring_add(&q->ring, &seg, 1, false, VG_RING_BAD);
	if (id < 0)
		return false;
	v.id = (uint16_t)id;
	q->frozen = true;
	load(&v);
	if (f->spoil)
		f->spoil(&v);
	store(&v);
	if (strcmp(f->name, "head") == 0)
		vd->avail->ring[(vd->next_avail - 1u) & (vd->size - 1u)] = vd->size;
	if (strcmp(f->name, "jump") == 0)
		vd->next_avail = (uint16_t)(vd->next_avail + vd->size);
	vg_ring_publish(&q->ring);
	return true;
}
