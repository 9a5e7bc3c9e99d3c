/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Packet sockets: open, filter, send and receive in batches. */

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pktcheck.h"

void
pkt_sock_open(struct pkt_sock *s, const char *dev, uint16_t ethertype)
{
	struct sockaddr_ll addr = {.sll_family = AF_PACKET, .sll_protocol = htons(ethertype)};
	int size = 64 << 20;
	struct ifreq ifr;

	/* Protocol 0 until bound: no packet of another interface is received. */
	s->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		pkt_die("packet socket: %s (it needs root)", strerror(errno));
	memset(&ifr, 0, sizeof(ifr));
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", dev);
	if (ioctl(s->fd, SIOCGIFINDEX, &ifr) < 0)
		pkt_die("--dev %s: %s", dev, strerror(errno));
	addr.sll_ifindex = ifr.ifr_ifindex;
	if (ioctl(s->fd, SIOCGIFHWADDR, &ifr) < 0)
		pkt_die("--dev %s: its address: %s", dev, strerror(errno));
	memcpy(s->mac, ifr.ifr_hwaddr.sa_data, 6);

	/* A window of the largest packets has to fit, whatever their overhead. */
	if (setsockopt(s->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0 ||
	    setsockopt(s->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		pkt_die("socket buffers of %d bytes: %s", size, strerror(errno));
	if (bind(s->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		pkt_die("--dev %s: bind: %s", dev, strerror(errno));
}

void
pkt_sock_filter(const struct pkt_sock *s, uint32_t stream, enum pkt_type min, enum pkt_type max)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct pkt_hdr, stream)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, stream, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct pkt_hdr, type)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, min, 0, 2),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, max, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0x40000),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog prog = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	if (setsockopt(s->fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0)
		pkt_die("socket filter: %s", strerror(errno));
}

unsigned int
pkt_sock_recv(const struct pkt_sock *s, struct pkt_batch *b, int ms)
{
	struct pollfd pfd = {.fd = s->fd, .events = POLLIN};
	struct mmsghdr msgs[PKT_BATCH];
	struct iovec iov[PKT_BATCH];
	unsigned int i;
	int n;

	if (ms && poll(&pfd, 1, ms) <= 0)
		return 0;
	memset(msgs, 0, sizeof(msgs));
	for (i = 0; i < PKT_BATCH; i++) {
		iov[i].iov_base = b->buf[i];
		iov[i].iov_len = sizeof(b->buf[i]);
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	n = recvmmsg(s->fd, msgs, PKT_BATCH, MSG_DONTWAIT, NULL);
	/* ENETDOWN comes once when the link goes down; the socket stays usable. */
	if (n < 0 && errno != EAGAIN && errno != EINTR && errno != ENETDOWN)
		pkt_die("receiving: %s", strerror(errno));
	b->num = n > 0 ? n : 0;
	for (i = 0; i < b->num; i++)
		b->len[i] = msgs[i].msg_len;
	return b->num;
}

void
pkt_sock_send(const struct pkt_sock *s, uint8_t *const *frames, const unsigned int *lens,
	      unsigned int num)
{
	struct mmsghdr msgs[PKT_BATCH];
	struct iovec iov[PKT_BATCH];
	unsigned int i, done = 0;
	double end = 0;
	int n;

	memset(msgs, 0, sizeof(msgs));
	for (i = 0; i < num; i++) {
		iov[i].iov_base = frames[i];
		iov[i].iov_len = lens[i];
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	while (done < num) {
		n = sendmmsg(s->fd, msgs + done, num - done, 0);
		if (n > 0) {
			done += n;
			continue;
		}
		/* The queue of the interface is full, or its link is down for a while. */
		if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR && errno != ENETDOWN)
			pkt_die("sending %u bytes: %s", lens[done], strerror(errno));
		if (!end)
			end = pkt_now() + 30;
		if (pkt_now() > end)
			pkt_die("sending: the interface has taken nothing for 30 s: %s",
				strerror(errno));
		usleep(200);
	}
}
