/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/*
 * virtq_ipc.h - the wire between virtio-net-ipc-pci (QEMU, the client) and
 * eth_virtqX (DPDK, the server), version 1.
 *
 * One AF_UNIX SOCK_SEQPACKET connection carries one device.  A packet is one
 * message: struct virtq_ipc_hdr, then exactly hdr.size bytes of the payload
 * struct of that type, with the file descriptors of the message in SCM_RIGHTS.
 * All integers are in native byte order, all reserved fields are zero, and both
 * ends refuse a message that has them otherwise.
 *
 * The rules (who may send what, when, with how many descriptors) are in
 * doc/protocol.md; this file is only the layout.  It stands alone: C11 or
 * later, <stdint.h>, no other header of the project.
 */

#ifndef VIRTQ_IPC_H
#define VIRTQ_IPC_H

#include <stdint.h>

#define VIRTQ_IPC_VERSION 1u

/* Limits of version 1.  Each is checked by both ends. */
#define VIRTQ_IPC_MAX_REGIONS 64u
#define VIRTQ_IPC_MAX_PAIRS 128u
#define VIRTQ_IPC_MAX_QUEUES (2u * VIRTQ_IPC_MAX_PAIRS)
#define VIRTQ_IPC_MAX_QUEUE_SIZE 32768u
#define VIRTQ_IPC_FDS_QUEUES 64u /* queues one QUEUE_FDS message can carry */
#define VIRTQ_IPC_MAX_FDS (2u * VIRTQ_IPC_FDS_QUEUES)
#define VIRTQ_IPC_MAX_MACS 64u
#define VIRTQ_IPC_VLAN_BYTES 512u /* one bit a VLAN id, 0 to 4095 */
#define VIRTQ_IPC_NAME_LEN 64u    /* with the terminating NUL */
#define VIRTQ_IPC_TEXT_LEN 240u   /* with the terminating NUL */

/* Protocol features (not virtio's), agreed in HELLO. */
#define VIRTQ_IPC_F_LOG (1ull << 0)      /* dirty log for migration */
#define VIRTQ_IPC_F_COUNTERS (1ull << 1) /* GET_COUNTERS */
#define VIRTQ_IPC_F_ANNOUNCE (1ull << 2) /* ANNOUNCE */
#define VIRTQ_IPC_F_ALL (VIRTQ_IPC_F_LOG | VIRTQ_IPC_F_COUNTERS | VIRTQ_IPC_F_ANNOUNCE)

enum virtq_ipc_type {
	/* device -> PMD */
	VIRTQ_IPC_HELLO = 1,        /* struct virtq_ipc_hello; answered by HELLO_OK or ERROR */
	VIRTQ_IPC_MEM_TABLE = 2,    /* struct virtq_ipc_mem_table, one fd a region; MEM_OK */
	VIRTQ_IPC_QUEUE_FDS = 3,    /* struct virtq_ipc_queue_fds, kick and call fds; no answer */
	VIRTQ_IPC_START = 4,        /* struct virtq_ipc_start, the state page's fd; START_OK */
	VIRTQ_IPC_STOP = 5,         /* no payload; STOPPED */
	VIRTQ_IPC_RXSTATE = 6,      /* struct virtq_ipc_rxstate; no answer */
	VIRTQ_IPC_LOG = 7,          /* struct virtq_ipc_log, one fd if enabled; LOG_OK */
	VIRTQ_IPC_GET_COUNTERS = 8, /* no payload; COUNTERS */

	/* PMD -> device */
	VIRTQ_IPC_HELLO_OK = 33, /* struct virtq_ipc_hello_ok */
	VIRTQ_IPC_MEM_OK = 34,   /* no payload */
	VIRTQ_IPC_START_OK = 35, /* no payload */
	VIRTQ_IPC_STOPPED = 36,  /* struct virtq_ipc_stopped */
	VIRTQ_IPC_LOG_OK = 37,   /* no payload */
	VIRTQ_IPC_COUNTERS = 38, /* struct virtq_ipc_counters */
	VIRTQ_IPC_LINK = 39,     /* struct virtq_ipc_link; unsolicited */
	VIRTQ_IPC_ANNOUNCE = 40, /* no payload; unsolicited */
	VIRTQ_IPC_BROKEN = 41,   /* struct virtq_ipc_broken; unsolicited */

	/* both ways; the sender closes the connection after it */
	VIRTQ_IPC_ERROR = 64, /* struct virtq_ipc_error */
};

/* Codes of ERROR.  The text beside the code is for people. */
enum virtq_ipc_code {
	VIRTQ_IPC_E_VERSION = 1,   /* no common protocol version */
	VIRTQ_IPC_E_NID = 2,       /* no port serves this nid */
	VIRTQ_IPC_E_BUSY = 3,      /* another device uses this nid */
	VIRTQ_IPC_E_PEER = 4,      /* this user id may not connect */
	VIRTQ_IPC_E_FEATURES = 5,  /* virtio features that the PMD does not know */
	VIRTQ_IPC_E_QUEUES = 6,    /* more queue pairs than the port has */
	VIRTQ_IPC_E_MALFORMED = 7, /* size, reserved bits, type, counts, fds */
	VIRTQ_IPC_E_STATE = 8,     /* a message that this state does not allow */
	VIRTQ_IPC_E_MEMORY = 9,    /* a memory region that cannot be mapped */
	VIRTQ_IPC_E_RING = 10,     /* a ring outside memory, misaligned, bad size */
	VIRTQ_IPC_E_RESOURCES = 11,/* out of descriptors, memory or sessions */
	VIRTQ_IPC_E_TIMEOUT = 12,  /* no HELLO in time */
	VIRTQ_IPC_E_GONE = 13,     /* the port was closed */
};

/* In front of every message.  A message's number counts from 1 in each
 * direction; reply_to is the number of the message that this one answers, 0 if
 * it answers none. */
struct virtq_ipc_hdr {
	uint16_t type;    /* enum virtq_ipc_type */
	uint16_t version; /* VIRTQ_IPC_VERSION */
	uint32_t size;    /* payload bytes after this header */
	uint32_t seq;
	uint32_t reply_to;
};

/* First message of a connection.  Its layout never changes: a later version
 * speaks through version_min and version_max. */
struct virtq_ipc_hello {
	uint16_t version_min;
	uint16_t version_max;
	uint32_t nid;
	uint64_t features;                 /* VIRTQ_IPC_F_* that the device can use */
	uint32_t max_pairs;                /* 1 to VIRTQ_IPC_MAX_PAIRS */
	uint32_t pid;                      /* for messages to people only */
	uint8_t vm_uuid[16];
	char device[VIRTQ_IPC_NAME_LEN];   /* id= of the device, NUL terminated */
	char vm_name[VIRTQ_IPC_NAME_LEN];  /* -name of the VM, NUL terminated, may be empty */
	uint8_t mac[6];
	uint16_t reserved0;
	uint64_t reserved[4];
};

/* Link as seen by the guest: up while the DPDK port is started. */
struct virtq_ipc_link {
	uint32_t up;         /* 0 or 1 */
	uint32_t speed_mbps; /* 0xffffffff: unknown */
	uint8_t duplex;      /* 1: full */
	uint8_t reserved0[3];
	uint32_t mtu;        /* MTU of the DPDK port, bytes; 0: not told */
};

struct virtq_ipc_hello_ok {
	uint16_t version; /* the one both will speak */
	uint16_t reserved0;
	uint32_t max_pairs; /* queue pairs of the port */
	uint64_t features;  /* VIRTQ_IPC_F_* that both can use */
	struct virtq_ipc_link link;
	uint32_t pid;
	uint32_t reserved1;
	char port[VIRTQ_IPC_NAME_LEN]; /* name of the DPDK port, NUL terminated */
	uint64_t reserved[4];
};

/* One region of guest RAM: [guest_addr, guest_addr + size) stands at
 * [fd_offset, fd_offset + size) of the file whose fd has the same place in
 * SCM_RIGHTS as the region has in the table. */
struct virtq_ipc_region {
	uint64_t guest_addr;
	uint64_t size;
	uint64_t fd_offset;
	uint64_t reserved;
};

/* The whole memory of the guest.  A later table replaces the one before, also
 * while started. */
struct virtq_ipc_mem_table {
	uint32_t count; /* 1 to VIRTQ_IPC_MAX_REGIONS */
	uint32_t reserved;
	struct virtq_ipc_region region[VIRTQ_IPC_MAX_REGIONS]; /* unused ones are zero */
};

/* Eventfds of queues [first, first + count): kick of the first, call of the
 * first, kick of the second, ...  They wait for the START that follows. */
struct virtq_ipc_queue_fds {
	uint32_t first;
	uint32_t count; /* 1 to VIRTQ_IPC_FDS_QUEUES */
};

/* Position of a ring.  Split: free-running 16-bit indices.  Packed: bits 0-14
 * are the slot, bit 15 is the wrap counter (virtio 1.1, 2.7.1).  Eight bytes,
 * naturally aligned, because the state page stores it in one piece. */
struct virtq_ipc_ring_pos {
	uint16_t avail;   /* next available entry or descriptor to read */
	uint16_t used;    /* next used entry or descriptor to write */
	uint16_t flags;   /* VIRTQ_IPC_POS_* */
	uint16_t pending; /* state page: entries of the journal in force; in messages 0 */
};
#define VIRTQ_IPC_POS_VALID (1u << 0) /* published by a PMD or set by the device */

/* One virtqueue.  Addresses are guest physical. */
struct virtq_ipc_queue {
	uint32_t flags; /* VIRTQ_IPC_Q_* */
	uint32_t size;  /* entries; 0: the guest has not set this queue up */
	uint64_t desc;
	uint64_t driver; /* split: available ring; packed: driver event area */
	uint64_t device; /* split: used ring; packed: device event area */
	struct virtq_ipc_ring_pos pos; /* where to begin */
	uint64_t reserved;
};
#define VIRTQ_IPC_Q_ENABLED (1u << 0) /* ready, and within the pairs the guest uses */

/* What the guest asked for through the control queue: always the whole. */
struct virtq_ipc_rxstate {
	uint32_t mode; /* VIRTQ_IPC_RX_* */
	uint32_t pairs; /* queue pairs in use, 1 to max_pairs */
	uint64_t guest_offloads; /* VIRTIO_NET_F_GUEST_* bits in force */
	uint8_t mac[6];
	uint16_t reserved0;
	uint16_t num_uni;   /* unicast addresses, at the front of macs[] */
	uint16_t num_multi; /* multicast addresses, after them */
	uint32_t reserved1;
	uint8_t macs[VIRTQ_IPC_MAX_MACS][6];
	uint8_t vlans[VIRTQ_IPC_VLAN_BYTES]; /* bit (id & 7) of byte (id >> 3) */
};
#define VIRTQ_IPC_RX_PROMISC (1u << 0)
#define VIRTQ_IPC_RX_ALLMULTI (1u << 1)
#define VIRTQ_IPC_RX_ALLUNI (1u << 2)
#define VIRTQ_IPC_RX_NOMULTI (1u << 3)
#define VIRTQ_IPC_RX_NOUNI (1u << 4)
#define VIRTQ_IPC_RX_NOBCAST (1u << 5)
#define VIRTQ_IPC_RX_UNI_OVERFLOW (1u << 6)   /* the unicast table was too long to carry */
#define VIRTQ_IPC_RX_MULTI_OVERFLOW (1u << 7) /* the multicast table was too long to carry */
#define VIRTQ_IPC_RX_VLAN_FILTER (1u << 8)    /* vlans[] is in force */
#define VIRTQ_IPC_RX_ALL 0x1ffu

/* Everything that is needed to run, in one message.  Its only fd is the state
 * page; the eventfds came in QUEUE_FDS. */
struct virtq_ipc_start {
	uint64_t features;   /* virtio features that the guest acknowledged */
	uint32_t generation; /* not 0; what the run word holds while this START is in force */
	uint32_t num_queues; /* data queues described: 2 * max_pairs of HELLO */
	uint64_t state_size; /* bytes of the state page, at least VIRTQ_IPC_STATE_SIZE(num_queues) */
	uint64_t reserved;
	struct virtq_ipc_rxstate rx;
	/* Queue 2i is the guest's receiveq i+1, queue 2i+1 its transmitq i+1. */
	struct virtq_ipc_queue queue[VIRTQ_IPC_MAX_QUEUES]; /* unused ones are zero */
};

struct virtq_ipc_stopped {
	uint32_t num_queues;
	uint32_t reserved;
	struct virtq_ipc_ring_pos pos[VIRTQ_IPC_MAX_QUEUES];
};

/* Dirty log: one bit a page of 4096 bytes of guest-physical address. */
struct virtq_ipc_log {
	uint32_t enable; /* 0 or 1; with 1 the message carries one fd */
	uint32_t reserved;
	uint64_t size;   /* bytes */
	uint64_t offset; /* of the log in its file */
};

/* Since the port was made.  "enq" is towards the guest. */
struct virtq_ipc_counters {
	uint64_t enq_packets;
	uint64_t enq_bytes;
	uint64_t enq_dropped;
	uint64_t deq_packets;
	uint64_t deq_bytes;
	uint64_t deq_dropped;
	uint64_t broken_rings;
	uint64_t reserved;
};

/* A ring that the guest broke.  The device sets DEVICE_NEEDS_RESET. */
struct virtq_ipc_broken {
	uint32_t queue;
	uint32_t reserved;
	char text[VIRTQ_IPC_TEXT_LEN]; /* NUL terminated */
};

struct virtq_ipc_error {
	uint32_t code; /* enum virtq_ipc_code */
	uint32_t reserved;
	char text[VIRTQ_IPC_TEXT_LEN]; /* one sentence, NUL terminated */
};

/*
 * The state page: a memfd that the device makes and hands over in START.
 *
 * run     written by the device, read by the PMD at the start of every burst
 *         and before it publishes: while it differs from START's generation,
 *         the PMD leaves the rings alone.
 * pos     of each queue, written by the PMD with one 8-byte store after every
 *         burst, on a cache line of its own; read by the device when a PMD is
 *         gone without answering STOP.
 * journal of each queue, for packed rings alone, whose used descriptors take the
 *         place of the available ones: what a burst is about to write there.
 *         In this order: entries, pos with `avail` the new position, `used` the
 *         old one and `pending` their number, used descriptors from the last to
 *         the first, pos without `pending`.  If a PMD is gone while `pending` is
 *         not 0, the device looks at the descriptor at `used`: if it is still
 *         available, the guest has seen nothing of the burst, and the device
 *         writes the used descriptors of the journal, the last entry first.
 */
#define VIRTQ_IPC_STATE_MAGIC 0x71747276u /* "vrtq" */
#define VIRTQ_IPC_LINE 64u
#define VIRTQ_IPC_JOURNAL 128u

struct virtq_ipc_state_hdr {
	uint32_t magic;
	uint32_t version;
	uint32_t num_queues;
	uint8_t pad[VIRTQ_IPC_LINE - 12];
};

struct virtq_ipc_state_run {
	uint32_t run;
	uint8_t pad[VIRTQ_IPC_LINE - 4];
};

/* One used descriptor. */
struct virtq_ipc_used {
	uint16_t slot; /* as in virtq_ipc_ring_pos */
	uint16_t id;
	uint32_t len; /* not 0: the descriptor's WRITE flag is set too */
};

struct virtq_ipc_state_queue {
	struct virtq_ipc_ring_pos pos;
	uint8_t pad[VIRTQ_IPC_LINE - 8];
	struct virtq_ipc_used journal[VIRTQ_IPC_JOURNAL];
};

struct virtq_ipc_state {
	struct virtq_ipc_state_hdr hdr;
	struct virtq_ipc_state_run run;
	struct virtq_ipc_state_queue queue[];
};
#define VIRTQ_IPC_STATE_SIZE(num_queues) \
	(2u * (uint64_t)VIRTQ_IPC_LINE + \
	 (uint64_t)(num_queues) * sizeof(struct virtq_ipc_state_queue))

/* Largest message, header included. */
#define VIRTQ_IPC_MAX_MSG (sizeof(struct virtq_ipc_hdr) + sizeof(struct virtq_ipc_start))

_Static_assert(sizeof(struct virtq_ipc_hdr) == 16, "wire layout");
_Static_assert(sizeof(struct virtq_ipc_hello) == 208, "wire layout");
_Static_assert(sizeof(struct virtq_ipc_link) == 16, "wire layout");
_Static_assert(sizeof(struct virtq_ipc_hello_ok) == 136, "wire layout");
_Static_assert(sizeof(struct virtq_ipc_region) == 32, "wire layout");
_Static_assert(sizeof(struct virtq_ipc_mem_table) == 8 + 64 * 32, "wire layout");
_Static_assert(sizeof(struct virtq_ipc_queue_fds) == 8, "wire layout");
_Static_assert(sizeof(struct virtq_ipc_ring_pos) == 8, "wire layout");
_Static_assert(sizeof(struct virtq_ipc_queue) == 48, "wire layout");
_Static_assert(sizeof(struct virtq_ipc_rxstate) == 928, "wire layout");
_Static_assert(sizeof(struct virtq_ipc_start) == 32 + 928 + 256 * 48, "wire layout");
_Static_assert(sizeof(struct virtq_ipc_stopped) == 8 + 256 * 8, "wire layout");
_Static_assert(sizeof(struct virtq_ipc_log) == 24, "wire layout");
_Static_assert(sizeof(struct virtq_ipc_counters) == 64, "wire layout");
_Static_assert(sizeof(struct virtq_ipc_broken) == 248, "wire layout");
_Static_assert(sizeof(struct virtq_ipc_error) == 248, "wire layout");
_Static_assert(sizeof(struct virtq_ipc_state_hdr) == VIRTQ_IPC_LINE, "wire layout");
_Static_assert(sizeof(struct virtq_ipc_state_run) == VIRTQ_IPC_LINE, "wire layout");
_Static_assert(sizeof(struct virtq_ipc_used) == 8, "wire layout");
_Static_assert(sizeof(struct virtq_ipc_state_queue) == VIRTQ_IPC_LINE + 8 * VIRTQ_IPC_JOURNAL,
	       "wire layout");

#endif /* VIRTQ_IPC_H */
