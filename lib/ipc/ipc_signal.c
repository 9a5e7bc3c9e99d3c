/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "ipc_signal.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void
ipc_signal_open(struct ipc_signal *sig)
{
	sig->aio = 0;
	sig->sink = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (sig->sink >= 0)
		(void)syscall(SYS_io_setup, 1, &sig->aio); /* aio stays 0 if this fails */
}

void
ipc_signal_close(struct ipc_signal *sig)
{
	if (sig->aio != 0)
		syscall(SYS_io_destroy, sig->aio);
	if (sig->sink >= 0)
		close(sig->sink);
	sig->aio = 0;
	sig->sink = -1;
}

static bool
by_kernel(const struct ipc_signal *sig, int eventfd)
{
	struct iocb cb = {
		.aio_lio_opcode = IOCB_CMD_PWRITE,
		.aio_fildes = (uint32_t)sig->sink,
		.aio_buf = (uintptr_t) "",
		.aio_nbytes = 1,
		.aio_flags = IOCB_FLAG_RESFD,
		.aio_resfd = (uint32_t)eventfd,
	};
	struct iocb *list[] = {&cb};
	struct timespec at_once = {0, 0};
	struct io_event done;

	if (sig->aio == 0 || syscall(SYS_io_submit, sig->aio, 1, list) != 1)
		return false;
	/* takes the completion: io_submit() has room for one */
	syscall(SYS_io_getevents, sig->aio, 1, 1, &done, &at_once);
	return true;
}

void
ipc_signal_send(const struct ipc_signal *sig, int eventfd)
{
	if (by_kernel(sig, eventfd))
		return;
	(void)fcntl(eventfd, F_SETFL, O_RDWR | O_NONBLOCK);
	(void)eventfd_write(eventfd, 1);
}
