/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "ipc_dialer.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ipc_listener.h"

/* If inotify cannot watch (its limits are reached), the path is looked for instead. */
#define NO_WATCH_MS 1000u

#define APPEARS (IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

struct ipc_dialer {
	char path[IPC_PATH_MAX + 1];
	int sock_type;
	int inotify;
	int wd;                    /* -1: nothing is watched */
	char wanted[NAME_MAX + 1]; /* in the folder that is watched */
	uint64_t tried_ms;
	uint64_t due_ms;
};

struct ipc_dialer *
ipc_dialer_new(const char *path, int sock_type)
{
	struct ipc_dialer *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	snprintf(d->path, sizeof(d->path), "%s", path);
	d->sock_type = sock_type;
	d->wd = -1;
	d->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (d->inotify < 0) {
		free(d);
		return NULL;
	}
	return d;
}

void
ipc_dialer_free(struct ipc_dialer *d)
{
	if (!d)
		return;
	close(d->inotify);
	free(d);
}

const char *
ipc_dialer_path(const struct ipc_dialer *d)
{
	return d->path;
}

int
ipc_dialer_fd(const struct ipc_dialer *d)
{
	return d->inotify;
}

uint64_t
ipc_dialer_due(const struct ipc_dialer *d)
{
	return d->due_ms;
}

void
ipc_dialer_again(struct ipc_dialer *d)
{
	d->due_ms = d->tried_ms > 0 ? d->tried_ms + IPC_DIALER_MS : 0;
}

static void
unwatch(struct ipc_dialer *d)
{
	if (d->wd >= 0)
		(void)inotify_rm_watch(d->inotify, d->wd);
	d->wd = -1;
}

/* The length of the path's first part, which names a folder, and the name after it. */
static size_t
split(struct ipc_dialer *d, const char *part, size_t len)
{
	size_t end = len, begin;

	while (end > 1 && part[end - 1] == '/')
		end--;
	begin = end;
	while (begin > 0 && part[begin - 1] != '/')
		begin--;
	snprintf(d->wanted, sizeof(d->wanted), "%.*s", (int)(end - begin), part + begin);
	return begin;
}

/* Whether what is waited for is there, and leads nowhere: a symbolic link, whose target may
 * appear where nobody watches. */
static bool
is_link_to_nothing(const struct ipc_dialer *d, size_t len)
{
	char part[IPC_PATH_MAX + 1];
	struct stat st;

	while (d->path[len] == '/')
		len++;
	len += strlen(d->wanted);
	snprintf(part, sizeof(part), "%.*s", (int)len, d->path);
	return lstat(part, &st) == 0 && S_ISLNK(st.st_mode);
}

/* Watches the deepest folder on the way to the path that exists.  Returns when to try again
 * without an event, milliseconds; UINT64_MAX: never. */
static uint64_t
watch(struct ipc_dialer *d)
{
	size_t len = strlen(d->path);
	char folder[IPC_PATH_MAX + 1];

	unwatch(d);
	do {
		len = split(d, d->path, len);
		snprintf(folder, sizeof(folder), "%.*s", (int)len, d->path);
		d->wd = inotify_add_watch(d->inotify, len > 0 ? folder : ".", APPEARS);
	} while (d->wd < 0 && (errno == ENOENT || errno == ENOTDIR) && len > 1);
	if (d->wd < 0)
		return NO_WATCH_MS;
	return is_link_to_nothing(d, len) ? IPC_DIALER_MS : UINT64_MAX;
}

static int
dial(const struct ipc_dialer *d)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, d->sock_type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), ret;

	if (fd < 0)
		return -errno;
	memcpy(addr.sun_path, d->path, sizeof(d->path));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

int
ipc_dialer_connect(struct ipc_dialer *d, uint64_t now_ms)
{
	uint64_t wait_ms;
	int ret;

	if (now_ms < d->due_ms)
		return -EAGAIN;
	d->tried_ms = now_ms;
	ret = dial(d);
	if (ret != -ENOENT && ret != -ENOTDIR) {
		unwatch(d);
		d->due_ms = ret >= 0 ? UINT64_MAX : now_ms + IPC_DIALER_MS;
		return ret;
	}
	wait_ms = watch(d);
	d->due_ms = wait_ms == UINT64_MAX ? UINT64_MAX : now_ms + wait_ms;
	/* it may have appeared before it was watched for */
	ret = dial(d);
	if (ret >= 0)
		unwatch(d);
	else if (ret != -ENOENT && ret != -ENOTDIR)
		d->due_ms = now_ms + IPC_DIALER_MS;
	return ret == -ENOTDIR ? -ENOENT : ret;
}

/* Whether an event may mean that the path exists now. */
static bool
concerns(const struct ipc_dialer *d, const struct inotify_event *e)
{
	if (e->mask & IN_Q_OVERFLOW)
		return true;
	if (e->wd != d->wd)
		return false;
	return e->len == 0 || strcmp(e->name, d->wanted) == 0;
}

void
ipc_dialer_changed(struct ipc_dialer *d)
{
	char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n;

	/* once: what is left keeps the fd readable, and a flood of files ends nothing */
	n = read(d->inotify, buf, sizeof(buf));
	for (char *p = buf; n > 0 && p < buf + n;) {
		const struct inotify_event *e = (const struct inotify_event *)p;

		if (concerns(d, e))
			ipc_dialer_again(d);
		p += sizeof(*e) + e->len;
	}
}
