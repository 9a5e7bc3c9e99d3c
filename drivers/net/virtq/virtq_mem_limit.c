/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "virtq_mem_limit.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "virtq_control.h"

/* Address space is not memory: a peer can send files of any length that take none.  The
 * memory of one guest, and of all of them, in times of this machine's RAM, unless ports
 * have a mem_limit; and in bytes, half of the address space. */
#define VIRTQ_MEM_GUEST_RAM 4u
#define VIRTQ_MEM_ALL_RAM 16u
#define VIRTQ_MEM_MAX (1ull << 46)

static uint64_t
ram_times(uint64_t times)
{
	uint64_t ram = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);

	return RTE_MIN(times * ram, VIRTQ_MEM_MAX);
}

static uint64_t
mib(uint64_t bytes)
{
	return bytes / (1u << 20) + (bytes % (1u << 20) != 0);
}

/* Of all guests: what its ports were given, if that is more. */
static uint64_t
mem_limit_all(const struct virtq_ports *ports)
{
	const struct virtq_port *port;
	uint64_t given = 0;

	TAILQ_FOREACH (port, ports, next)
		given += port->mem_limit;
	return RTE_MAX(given, ram_times(VIRTQ_MEM_ALL_RAM));
}

int
virtq_mem_allowed(const struct virtq_port *port, uint64_t bytes, char *err, size_t err_size)
{
	const struct virtq_ports *ports = virtq_control_ports(port->control);
	uint64_t limit = port->mem_limit ? port->mem_limit : ram_times(VIRTQ_MEM_GUEST_RAM);
	const struct virtq_port *other;
	uint64_t all = bytes;

	if (bytes > limit) {
		snprintf(err, err_size,
			 "the guest has %" PRIu64 " MiB of memory, and %s accepts %" PRIu64
			 ": start the application with mem_limit=%" PRIu64 " for this port",
			 mib(bytes), port->name, limit >> 20, mib(bytes));
		return -1;
	}
	TAILQ_FOREACH (other, ports, next)
		if (other != port && other->mem)
			all += guest_mem_bytes(other->mem);
	limit = mem_limit_all(ports);
	if (all <= limit)
		return 0;
	snprintf(err, err_size,
		 "the guests of this application would have %" PRIu64 " MiB of memory, and %" PRIu64
		 " are accepted: give each port the mem_limit= that its guest needs",
		 mib(all), limit >> 20);
	return -1;
}
