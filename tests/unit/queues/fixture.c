/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "order.h"
#include "virtq_burst.h"
#include "virtq_device.h"
#include "virtq_limits.h"
#include "virtq_mbuf.h"

static bool
is_dead(const struct virtq_peer *peer)
{
	const struct fixture *f =
		(const struct fixture *)((const uint8_t *)peer - offsetof(struct fixture, peer));

	return f->dead;
}

static void
check(struct virtq_peer *peer)
{
	virtq_device_check(peer->port);
}

static void
broken(struct virtq_peer *peer, uint16_t queue, const char *text)
{
	struct fixture *f = (struct fixture *)((uint8_t *)peer - offsetof(struct fixture, peer));

	(void)queue;
	(void)text;
	f->broken++;
}

static void
fail(struct virtq_peer *peer, enum virtq_reason reason, const char *text)
{
	struct fixture *f = (struct fixture *)((uint8_t *)peer - offsetof(struct fixture, peer));

	(void)reason;
	f->failed = text;
}

static const struct virtq_front_ops front = {
	.name = "test",
	.is_dead = is_dead,
	.check = check,
	.broken = broken,
	.fail = fail,
};

static void
app_init(struct fixture *f)
{
	bool cheap = order_membarrier_register();
	struct rte_eth_dev dev = {0};

	virtq_burst_select(&dev);
	f->rx = dev.rx_pkt_burst;
	f->tx = dev.tx_pkt_burst;
	f->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	for (uint32_t i = 0; i < QUEUES; i++) {
		struct virtq_queue *rxq = &f->rxq[i], *txq = &f->txq[i];

		pool_init(&f->rx_pool[i], "rx", 2048);
		pool_init(&f->tx_pool[i], "tx", 2048);
		rxq->port = txq->port = &f->port;
		rxq->cheap_barrier = txq->cheap_barrier = cheap;
		rxq->wake_fd = txq->wake_fd = f->wake_fd;
		rxq->pool = f->rx_pool[i].mp;
		rxq->mbuf_room = f->rx_pool[i].room;
		rxq->rearm = virtq_rearm_word(0);
		virtq_limits_set(rxq, RTE_ETHER_MTU, true);
	}
}

static void
ring_init(struct fixture *f, uint32_t i, uint64_t features)
{
	struct gr_config c = {
		.desc = ram_alloc(&f->ram, RAM_A, RING * 16, 16),
		.driver = ram_alloc(&f->ram, RAM_A, 6 + 2 * RING, 4),
		.device = ram_alloc(&f->ram, RAM_A, 6 + 8 * RING, 4),
		.size = RING,
		.start = features & 1ull << VIRTIO_F_RING_PACKED ? 0x8000 : 0,
		.features = features,
	};

	gr_init(&f->ring[i], &f->ram, &c);
	f->vq[i].ring = (struct virtq_ring){
		.addr = {c.desc, c.driver, c.device},
		.space = GUEST_PHYSICAL,
		.size = RING,
		.avail = c.start,
		.used = c.start,
		.state = ring_state_none,
		.kick_fd = -1,
		.call_fd = -1,
	};
}

void
fixture_start(struct fixture *f, bool packed, uint32_t pairs)
{
	uint64_t features = 1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_F_INDIRECT_DESC;
	char err[200];

	if (packed)
		features |= 1ull << VIRTIO_F_RING_PACKED;
	memset(f, 0, sizeof(*f));
	ram_init(&f->ram, RAM_SIZE);
	rte_eth_devices[0].data = &f->data;
	f->peer = (struct virtq_peer){.ops = &front, .port = &f->port, .fd = -1};
	f->port.peer = &f->peer;
	f->port.max_queues = QUEUES;
	f->port.rxq = f->rxq;
	f->port.txq = f->txq;
	f->port.vq = f->vq;
	f->port.mem = f->ram.mem;
	app_init(f);
	for (uint32_t i = 0; i < VIRTQ_MAX_VQS; i++) {
		f->vq[i].index = (uint16_t)i;
		f->vq[i].ring.kick_fd = f->vq[i].ring.call_fd = -1;
		rte_spinlock_init(&f->vq[i].lock);
	}
	for (uint32_t i = 0; i < 2 * PAIRS; i++) {
		ring_init(f, i, features);
		f->vq[i].ring.enabled = i < 2 * pairs;
		if (i % 2 == 0)
			guest_post(f, i / 2);
	}
	if (virtq_device_start(&f->port, features, 2 * PAIRS, err, sizeof(err)) != 0) {
		fprintf(stderr, "%s\n", err);
		abort();
	}
}

void
fixture_stop(struct fixture *f)
{
	virtq_device_stop(&f->port);
	for (uint32_t i = 0; i < 2 * PAIRS; i++)
		gr_free(&f->ring[i]);
	for (uint32_t i = 0; i < QUEUES; i++) {
		CU_ASSERT_EQUAL(f->rx_pool[i].top, POOL_MBUFS);
		CU_ASSERT_EQUAL(f->tx_pool[i].top, POOL_MBUFS);
		CU_ASSERT_EQUAL(pool_errors(&f->rx_pool[i]), 0);
		CU_ASSERT_EQUAL(pool_errors(&f->tx_pool[i]), 0);
		pool_free(&f->rx_pool[i]);
		pool_free(&f->tx_pool[i]);
	}
	close(f->wake_fd);
	ram_free(&f->ram);
}

void
fixture_pairs(struct fixture *f, uint32_t pairs)
{
	char err[200];

	for (uint32_t i = 0; i < 2 * pairs; i++)
		f->vq[i].ring.enabled = true;
	if (virtq_device_start_rings(&f->port, err, sizeof(err)) != 0) {
		fprintf(stderr, "%s\n", err);
		abort();
	}
	virtq_device_stop_rings(&f->port, 2 * pairs, 2 * PAIRS);
}

static void
add_buffer(struct fixture *f, uint32_t i, uint64_t addr, uint32_t len, bool write)
{
	const struct vdriver_seg seg = {addr, len, write};

	if (vdriver_add(&f->ring[i].vd, &seg, 1, (void *)(uintptr_t)addr) < 0)
		abort();
}

bool
guest_send(struct fixture *f, uint32_t pair, struct stamp s)
{
	struct guest_ring *gr = &f->ring[2 * pair + 1];
	uint64_t addr = RAM_C_ADDR + (pair * RING + s.seq % RING) * BUF;
	uint8_t *p = ram_ptr(&f->ram, addr);

	/* never more under way than there are buffers */
	if (gr->vd.nfree == 0)
		return false;
	memset(p, 0, HDR + FRAME);
	memcpy(p + HDR + RTE_ETHER_HDR_LEN, &s, sizeof(s));
	add_buffer(f, 2 * pair + 1, addr, HDR + FRAME, false);
	vdriver_publish(&gr->vd);
	return true;
}

void
guest_reap(struct fixture *f, uint32_t pair)
{
	struct vdriver_done done;

	while (vdriver_get(&f->ring[2 * pair + 1].vd, &done) > 0)
		continue;
}

void
guest_post(struct fixture *f, uint32_t pair)
{
	struct guest_ring *gr = &f->ring[2 * pair];

	while (gr->vd.nfree > 0)
		add_buffer(f, 2 * pair, RAM_D_ADDR + (pair * RING + gr->vd.nfree - 1u) * BUF, BUF,
			   true);
	vdriver_publish(&gr->vd);
}

bool
guest_recv(struct fixture *f, uint32_t pair, struct stamp *s)
{
	struct guest_ring *gr = &f->ring[2 * pair];
	struct vdriver_done done;
	uint64_t addr;
	int ret = vdriver_get(&gr->vd, &done);

	if (ret == 0)
		return false;
	if (ret < 0 || done.len != HDR + FRAME) {
		fprintf(stderr, "pair %u: %s, %u bytes\n", pair, gr->vd.err, done.len);
		abort();
	}
	addr = (uintptr_t)done.cookie;
	f->got_at = addr;
	memcpy(s, (uint8_t *)ram_ptr(&f->ram, addr) + HDR + RTE_ETHER_HDR_LEN, sizeof(*s));
	add_buffer(f, 2 * pair, addr, BUF, true);
	vdriver_publish(&gr->vd);
	return true;
}

struct rte_mbuf *
app_frame(struct fixture *f, uint32_t queue, uint32_t seq)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(f->tx_pool[queue].mp);
	const struct stamp s = {queue, seq};

	if (!m)
		return NULL;
	memset(rte_pktmbuf_append(m, FRAME), 0, FRAME);
	memcpy(rte_pktmbuf_mtod_offset(m, uint8_t *, RTE_ETHER_HDR_LEN), &s, sizeof(s));
	return m;
}

struct stamp
app_stamp(const struct rte_mbuf *m)
{
	struct stamp s;

	memcpy(&s, rte_pktmbuf_mtod_offset(m, const uint8_t *, RTE_ETHER_HDR_LEN), sizeof(s));
	return s;
}

#define LOG_SIZE ((RAM_D_ADDR + RAM_SIZE) / GUEST_LOG_PAGE / 8)

void
dirty_make(struct dirty *d)
{
	char err[200] = "mmap";
	void *map;

	d->fd = ram_memfd(LOG_SIZE, 0);
	d->log = guest_log_new(d->fd, 0, LOG_SIZE, err, sizeof(err));
	map = mmap(NULL, LOG_SIZE, PROT_READ, MAP_SHARED, d->fd, 0);
	if (!d->log || map == MAP_FAILED) {
		fprintf(stderr, "%s\n", err);
		abort();
	}
	d->bits = map;
}

void
dirty_free(struct dirty *d)
{
	munmap((void *)(uintptr_t)d->bits, LOG_SIZE);
	close(d->fd);
}

bool
dirty_is_marked(const struct dirty *d, uint64_t addr)
{
	uint64_t page = addr / GUEST_LOG_PAGE;

	return __atomic_load_n(&d->bits[page / 8], __ATOMIC_ACQUIRE) >> page % 8 & 1;
}

bool
dirty_has_ring(const struct dirty *d, const struct virtq_vq *vq)
{
	const struct vring_addr *a = &vq->ring.addr;

	/* of a packed ring, which may cross a page, either half */
	if (vq->vring->packed)
		return dirty_is_marked(d, a->desc) || dirty_is_marked(d, a->desc + 16 * RING - 1);
	return dirty_is_marked(d, a->device);
}
