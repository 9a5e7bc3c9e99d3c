/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#include "ipc_listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LOCK_SUFFIX ".lock"
/* A lock file that vanishes between open() and flock() was removed by the process
 * that held it; the next round makes a new one.  In so many rounds only a process
 * that does nothing else can have removed it each time. */
#define LOCK_ROUNDS 100
/* Bytes of a lock file: a process id and a line feed. */
#define LOCK_LEN 16

struct ipc_listener {
	int sock_type;
	int fd;
	int lock_fd;
	bool bound; /* dev and ino are the socket's */
	dev_t dev;
	ino_t ino;
	char path[IPC_PATH_MAX + 1];
	char lock_path[IPC_PATH_MAX + sizeof(LOCK_SUFFIX)];
};

static int
refuse(struct ipc_err *err, const char *path, const char *why)
{
	return ipc_err_set(err, VIRTQ_IPC_E_RESOURCES, "connector %s: %s", path, why);
}

static int
refuse_errno(struct ipc_err *err, const char *path, const char *what)
{
	return ipc_err_set(err, VIRTQ_IPC_E_RESOURCES, "connector %s: %s: %s", path, what,
			   strerror(errno));
}

static int
check_path(const char *path, struct ipc_err *err)
{
	size_t len = path ? strlen(path) : 0;

	if (len == 0)
		return ipc_err_set(err, VIRTQ_IPC_E_RESOURCES,
				   "connector path is empty: name a file, such as /run/virtq/a");
	/* the path may be longer than the sentence */
	if (len > IPC_PATH_MAX)
		return ipc_err_set(err, VIRTQ_IPC_E_RESOURCES,
				   "connector path %.40s... has %zu bytes, a socket's name has at "
				   "most %u: choose a shorter one",
				   path, len, IPC_PATH_MAX);
	return 0;
}

static int
check_dir(const char *path, struct ipc_err *err)
{
	char dir[IPC_PATH_MAX + 1];
	char *slash;
	struct stat st;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (!slash)
		strcpy(dir, ".");
	else
		slash[slash == dir ? 1 : 0] = '\0';
	if (stat(dir, &st))
		return refuse_errno(err, path, "cannot use its directory, create it first");
	if (!S_ISDIR(st.st_mode))
		return refuse(err, path, "its parent is not a directory");
	if (faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS))
		return refuse_errno(err, path,
				    "cannot write to its directory, choose another or change its "
				    "permissions");
	return 0;
}

/*
 * Opens the lock file, and creates it if there is none.  In two steps, not with
 * O_CREAT alone: with fs.protected_regular the kernel refuses O_CREAT, even to root,
 * on a file of another user in /tmp, such as the one that a killed process left.
 */
static int
open_lock(const char *lock_path)
{
	int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	int fd = open(lock_path, flags);

	if (fd >= 0 || errno != ENOENT)
		return fd;
	fd = open(lock_path, flags | O_CREAT | O_EXCL, 0600);
	if (fd < 0 && errno == EEXIST)
		errno = EAGAIN;
	return fd;
}

static int
refuse_locked(struct ipc_listener *l, int fd, struct ipc_err *err)
{
	char text[LOCK_LEN] = "";
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	long pid = n > 0 ? strtol(text, NULL, 10) : 0;

	if (pid <= 0)
		return refuse(err, l->path, "another process serves it: choose another path");
	return ipc_err_set(err, VIRTQ_IPC_E_RESOURCES,
			   "connector %s: process %ld serves it already: stop that one or choose "
			   "another path",
			   l->path, pid);
}

/* Is the file of fd still the one at path? */
static bool
same_file(int fd, const char *path)
{
	struct stat a, b;

	return !fstat(fd, &a) && !lstat(path, &b) && S_ISREG(a.st_mode) && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

/*
 * Is this a lock file of ours?  It will be truncated, so it must be nothing else: whoever
 * can write to the directory could have made a hard link there to a file of anybody
 * (fs.protected_hardlinks=0).  0, or -1 with *err filled in.
 */
static int
check_lock(const struct ipc_listener *l, int fd, struct ipc_err *err)
{
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return refuse(err, l->path,
			      "its lock file (the path with .lock) is not a regular "
			      "file: remove it");
	/* 0: it was removed by the process that held it */
	if (st.st_nlink > 1)
		return refuse(err, l->path,
			      "its lock file (the path with .lock) is a hard link to another "
			      "file: remove it");
	if (st.st_size >= LOCK_LEN)
		return refuse(err, l->path,
			      "its lock file (the path with .lock) is no lock file, it is too "
			      "long: move it away");
	return 0;
}

/* 0 locked, 1 try again, -1 refused */
static int
try_lock(struct ipc_listener *l, struct ipc_err *err)
{
	int fd = open_lock(l->lock_path);
	int ret;

	if (fd < 0) {
		if (errno == EAGAIN)
			return 1;
		return refuse_errno(err, l->path,
				    "cannot open its lock file (the path with .lock), remove it if "
				    "no process uses it");
	}
	if (check_lock(l, fd, err)) {
		ret = -1;
	} else if (flock(fd, LOCK_EX | LOCK_NB)) {
		ret = errno == EWOULDBLOCK ? refuse_locked(l, fd, err)
					   : refuse_errno(err, l->path, "cannot lock it");
	} else if (!same_file(fd, l->lock_path)) {
		ret = 1;
	} else {
		l->lock_fd = fd;
		return 0;
	}
	close(fd);
	return ret;
}

static int
take_lock(struct ipc_listener *l, struct ipc_err *err)
{
	char text[LOCK_LEN];
	int ret = 1, len;

	for (int i = 0; ret > 0 && i < LOCK_ROUNDS; i++)
		ret = try_lock(l, err);
	if (ret > 0)
		return refuse(err, l->path, "its lock file (the path with .lock) keeps changing");
	if (ret < 0)
		return -1;
	/* only refuse_locked() reads it, in the next process */
	len = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(l->lock_fd, 0) == 0 && pwrite(l->lock_fd, text, (size_t)len, 0) != len)
		(void)!ftruncate(l->lock_fd, 0);
	return 0;
}

static void
set_addr(struct sockaddr_un *addr, const char *path)
{
	memset(addr, 0, sizeof(*addr));
	addr->sun_family = AF_UNIX;
	strcpy(addr->sun_path, path);
}

static int
make_socket(int sock_type)
{
	return socket(AF_UNIX, sock_type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/*
 * Does a process serve the socket at path?  (One that takes no lock: the lock is
 * ours.)  Only ECONNREFUSED says that none does: it means that no socket of any type
 * is bound to the file, or that one of sock_type does not listen.  One of another
 * type gives EPROTOTYPE, and a full queue of connections EAGAIN.
 */
static bool
is_live(const char *path, int sock_type)
{
	struct sockaddr_un addr;
	int fd = make_socket(sock_type);
	bool dead;

	if (fd < 0)
		return true;
	set_addr(&addr, path);
	dead = connect(fd, (struct sockaddr *)&addr, sizeof(addr)) && errno == ECONNREFUSED;
	close(fd);
	return !dead;
}

/* Removes the socket of a process that is gone; anything else at the path is refused. */
static int
clear_path(struct ipc_listener *l, struct ipc_err *err)
{
	struct stat st;

	if (lstat(l->path, &st)) {
		if (errno == ENOENT)
			return 0;
		return refuse_errno(err, l->path, "cannot look at it");
	}
	if (!S_ISSOCK(st.st_mode))
		return refuse(err, l->path,
			      "a file that is not a socket has this name: choose "
			      "another path or remove it");
	if (is_live(l->path, l->sock_type))
		return refuse(err, l->path, "another process serves it: choose another path");
	if (unlink(l->path))
		return refuse_errno(err, l->path,
				    "cannot remove the socket of a process that is "
				    "gone");
	return 0;
}

/*
 * Gives the socket's file to the user, and remembers it.  By a descriptor, and only a file
 * with one name: somebody who may write to the directory could have put a hard link to
 * another file in its place.
 */
static int
give_socket(struct ipc_listener *l, uid_t owner, struct ipc_err *err)
{
	int fd = open(l->path, O_PATH | O_NOFOLLOW | O_CLOEXEC), ret = 0;
	struct stat st;

	if (fd < 0)
		return refuse_errno(err, l->path, "cannot look at it");
	if (fstat(fd, &st) || !S_ISSOCK(st.st_mode) || st.st_nlink != 1) {
		ret = refuse(err, l->path,
			     "somebody replaced the socket while it was made: "
			     "choose a directory that only its users can write to");
	} else {
		l->dev = st.st_dev;
		l->ino = st.st_ino;
		l->bound = true;
		if (owner != (uid_t)-1 && fchownat(fd, "", owner, (gid_t)-1, AT_EMPTY_PATH))
			ret = refuse_errno(err, l->path, "cannot give it to the other user");
	}
	close(fd);
	return ret;
}

static int
bind_socket(struct ipc_listener *l, uid_t owner, struct ipc_err *err)
{
	struct sockaddr_un addr;

	l->fd = make_socket(l->sock_type);
	if (l->fd < 0)
		return refuse_errno(err, l->path, "cannot make a socket");
	/* Called before bind(), fchmod() sets the mode that bind() gives the file: the
	 * file never has a wider one, and umask, which all threads share, stays. */
	if (fchmod(l->fd, 0600))
		return refuse_errno(err, l->path, "cannot set its mode");
	set_addr(&addr, l->path);
	if (bind(l->fd, (struct sockaddr *)&addr, sizeof(addr)))
		return refuse_errno(err, l->path, "cannot bind");
	if (give_socket(l, owner, err))
		return -1;
	if (listen(l->fd, SOMAXCONN))
		return refuse_errno(err, l->path, "cannot listen");
	return 0;
}

struct ipc_listener *
ipc_listener_open(const char *path, int sock_type, uid_t owner, struct ipc_err *err)
{
	struct ipc_listener *l;

	if (check_path(path, err) || check_dir(path, err))
		return NULL;
	l = calloc(1, sizeof(*l));
	if (!l) {
		refuse(err, path, "out of memory");
		return NULL;
	}
	l->sock_type = sock_type;
	l->fd = -1;
	l->lock_fd = -1;
	snprintf(l->path, sizeof(l->path), "%s", path);
	snprintf(l->lock_path, sizeof(l->lock_path), "%s" LOCK_SUFFIX, path);
	if (take_lock(l, err) || clear_path(l, err) || bind_socket(l, owner, err)) {
		ipc_listener_close(l);
		return NULL;
	}
	return l;
}

void
ipc_listener_close(struct ipc_listener *l)
{
	struct stat st;

	if (!l)
		return;
	if (l->bound && !lstat(l->path, &st) && st.st_dev == l->dev && st.st_ino == l->ino)
		unlink(l->path);
	if (l->fd >= 0)
		close(l->fd);
	if (l->lock_fd >= 0) {
		/* while we hold the lock: who gets it next sees that the file has no name */
		if (same_file(l->lock_fd, l->lock_path))
			unlink(l->lock_path);
		close(l->lock_fd);
	}
	free(l);
}

int
ipc_listener_fd(const struct ipc_listener *l)
{
	return l->fd;
}

const char *
ipc_listener_path(const struct ipc_listener *l)
{
	return l->path;
}

int
ipc_listener_accept(struct ipc_listener *l)
{
	int fd;

	do
		fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
	if (fd >= 0)
		return fd;
	return -errno;
}

bool
ipc_accept_exhausted(int ret)
{
	return ret == -EMFILE || ret == -ENFILE || ret == -ENOMEM || ret == -ENOBUFS;
}
