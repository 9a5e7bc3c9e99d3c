/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/*
 * Runs commands in the guest for the test at the other end of a serial port.
 *
 * A request is one line, "ID BASE64": a shell script.  The answer is one line, "=ID STATUS
 * BASE64": its exit status and its output, in Base64 because it may contain newlines.
 * Requests run at the same time, so one that hangs delays no other.  When it starts, the
 * agent prints "=boot 0 BOOT-ID".
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define MAX_JOBS 64
#define MAX_LINE 65536

struct job {
	pid_t pid; /* 0: free */
	int out;   /* memfd with the output */
	char id[32];
};

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static struct job jobs[MAX_JOBS];
static int tty;

static void
put(const char *data, size_t len)
{
	ssize_t n;

	while (len) {
		n = write(tty, data, len);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			exit(1);
		if (n > 0) {
			data += n;
			len -= n;
		}
	}
}

static void
put_base64(const unsigned char *p, size_t len)
{
	char text[4096];
	size_t n = 0;
	unsigned int v;

	for (; len; p += 3) {
		v = p[0] << 16 | (len > 1 ? p[1] << 8 : 0) | (len > 2 ? p[2] : 0);
		text[n++] = digits[v >> 18];
		text[n++] = digits[v >> 12 & 63];
		text[n++] = len > 1 ? digits[v >> 6 & 63] : '=';
		text[n++] = len > 2 ? digits[v & 63] : '=';
		len -= len > 3 ? 3 : len;
		if (n == sizeof(text) || !len) {
			put(text, n);
			n = 0;
		}
	}
}

/* Decodes in place; false if it is not base64. */
static bool
from_base64(char *text)
{
	unsigned int v = 0, bits = 0;
	char *out = text, *digit;

	for (; *text && *text != '='; text++) {
		digit = strchr(digits, *text);
		if (!digit)
			return false;
		v = v << 6 | (unsigned int)(digit - digits);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			*out++ = v >> bits;
		}
	}
	*out = '\0';
	return true;
}

static void
answer(const char *id, int status, int out)
{
	char head[64];
	struct stat st;
	void *data;

	snprintf(head, sizeof(head), "=%s %d ", id, status);
	put(head, strlen(head));
	if (out >= 0 && !fstat(out, &st) && st.st_size) {
		data = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, out, 0);
		if (data != MAP_FAILED) {
			put_base64(data, st.st_size);
			munmap(data, st.st_size);
		}
	}
	put("\n", 1);
}

static void
run(const char *script, int out)
{
	int null = open("/dev/null", O_RDONLY);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	dup2(null, 0);
	dup2(out, 1);
	dup2(out, 2);
	execl("/bin/sh", "sh", "-c", script, NULL);
	_exit(127);
}

static void
request(char *line)
{
	char *script = strchr(line, ' ');
	struct job *job = jobs;

	if (!script || script == line || script - line >= (int)sizeof(job->id))
		return;
	*script++ = '\0';
	while (job < jobs + MAX_JOBS && job->pid)
		job++;
	if (!from_base64(script) || job == jobs + MAX_JOBS) {
		answer(line, 254, -1);
		return;
	}
	strcpy(job->id, line);
	job->out = memfd_create("out", MFD_CLOEXEC);
	job->pid = fork();
	if (job->pid == 0)
		run(script, job->out);
	if (job->pid < 0) {
		job->pid = 0;
		close(job->out);
		answer(line, 253, -1);
	}
}

static void
reap(void)
{
	int status;
	pid_t pid;
	int i;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (i = 0; i < MAX_JOBS; i++) {
			if (jobs[i].pid != pid)
				continue;
			status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
			answer(jobs[i].id, status, jobs[i].out);
			close(jobs[i].out);
			jobs[i].pid = 0;
		}
	}
}

static void
input(void)
{
	static char buf[MAX_LINE];
	static size_t len;
	ssize_t n = read(tty, buf + len, sizeof(buf) - len);
	char *end;

	if (n > 0)
		len += n;
	while ((end = memchr(buf, '\n', len))) {
		*end = '\0';
		request(buf);
		len -= end + 1 - buf;
		memmove(buf, end + 1, len);
	}
	if (len == sizeof(buf))
		len = 0;
}

static void
open_tty(const char *path)
{
	struct termios modes;

	tty = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (tty < 0 || tcgetattr(tty, &modes)) {
		perror(path);
		exit(1);
	}
	cfmakeraw(&modes);
	cfsetspeed(&modes, B115200);
	tcsetattr(tty, TCSANOW, &modes);
}

int
main(int argc, char **argv)
{
	struct pollfd pfd[2];
	char id[40] = "";
	sigset_t chld;
	FILE *f;

	open_tty(argc > 1 ? argv[1] : "/dev/ttyS1");
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL);
	pfd[0] = (struct pollfd){.fd = tty, .events = POLLIN};
	pfd[1] = (struct pollfd){.fd = signalfd(-1, &chld, SFD_CLOEXEC), .events = POLLIN};

	f = fopen("/proc/sys/kernel/random/boot_id", "r");
	if (f && fgets(id, sizeof(id), f))
		fclose(f);
	put("\n=boot 0 ", 9);
	put(id, strcspn(id, "\n"));
	put("\n", 1);
	for (;;) {
		struct signalfd_siginfo info;

		poll(pfd, 2, -1);
		if (pfd[1].revents && read(pfd[1].fd, &info, sizeof(info)) > 0)
			reap();
		if (pfd[0].revents)
			input();
	}
}
