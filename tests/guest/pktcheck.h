/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef PKTCHECK_H
#define PKTCHECK_H

/*
 * pktcheck - patterned packets, counted and verified.
 *
 * A sender numbers its packets and fills each with a pattern made of its stream and
 * number, so that a receiver detects lost, duplicate, reordered and changed ones.  The
 * receiver acknowledges as it reads; the sender never has more than a window of packets
 * under way, so it sends at the receiver's rate.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PKT_ETHERTYPE 0x88b5u /* IEEE 802: local experimental use */
#define PKT_MAGIC 0x76715043u
#define PKT_MAX 9216u
#define PKT_BATCH 64u

enum pkt_type {
	PKT_DATA = 1, /* seq: number of this packet */
	PKT_POLL = 2, /* seq: packets sent so far; wants an ACK */
	PKT_FIN = 3,  /* seq: packets sent in all; wants a FIN_ACK */
	PKT_BYE = 4,  /* seq: the same; the sender received the FIN_ACK and ends */
	PKT_ACK = 5,  /* seq: packets that left the path, received or lost */
	PKT_FIN_ACK = 6,
};

struct pkt_hdr {
	uint8_t dst[6];
	uint8_t src[6];
	uint16_t ethertype; /* big endian, as all below */
	uint16_t len;       /* of the frame, Ethernet header included */
	uint32_t magic;
	uint32_t type;
	uint32_t stream;
	uint32_t seq;
} __attribute__((packed));

#define PKT_MIN 60u

struct pkt_options {
	const char *dev;
	uint8_t dst[6];
	uint32_t stream;
	uint32_t count;
	uint32_t window;
	unsigned int min_size;
	unsigned int max_size;
	bool imix;
	unsigned int timeout; /* seconds, for the whole run */
	unsigned int idle;    /* seconds without any packet of the peer that end the run */
	uint8_t from[6];      /* digest: only packets from this address */
	const char *file;
};

/* One packet socket on one interface. */
struct pkt_sock {
	int fd;
	uint8_t mac[6];
};

/* The batch that a recvmmsg() filled. */
struct pkt_batch {
	unsigned int num;
	unsigned int len[PKT_BATCH];
	uint8_t buf[PKT_BATCH][PKT_MAX + 64];
};

/* pkt_sock.c: all of these end the program with a message if a system call fails. */
void pkt_sock_open(struct pkt_sock *s, const char *dev, uint16_t ethertype);
/* Receives only packets of one stream, of types min to max, from then on: a path that
 * returns all packets would otherwise bring a sender its own. */
void pkt_sock_filter(const struct pkt_sock *s, uint32_t stream, enum pkt_type min,
		     enum pkt_type max);
/* Waits up to ms milliseconds for packets; returns how many it received, 0 for none. */
unsigned int pkt_sock_recv(const struct pkt_sock *s, struct pkt_batch *b, int ms);
void pkt_sock_send(const struct pkt_sock *s, uint8_t *const *frames, const unsigned int *lens,
		   unsigned int num);

/* pkt_pattern.c */
void pkt_fill(uint8_t *frame, unsigned int len, const struct pkt_hdr *hdr);
/* NULL if the frame is as pkt_fill() made it, else what differs. */
const char *pkt_verify(const uint8_t *frame, unsigned int len);
unsigned int pkt_size(const struct pkt_options *o, uint32_t seq);
uint64_t pkt_hash(const uint8_t *data, unsigned int len);

/* One a mode; returns the exit status of the program. */
int pkt_send_main(const struct pkt_options *o);
int pkt_recv_main(const struct pkt_options *o);
int pkt_replay_main(const struct pkt_options *o);
int pkt_digest_main(const struct pkt_options *o);

double pkt_now(void);
void pkt_die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif /* PKTCHECK_H */
