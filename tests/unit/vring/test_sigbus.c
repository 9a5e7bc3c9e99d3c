/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* Files that shrink under us.  What depends on the handler that was there
 * first, and what may end the process, runs in a process of its own: this
 * program, started again as "sigbus-child <how>". */

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"
#include "sigbus_cases.h"
#include "sigbus_guard.h"

#define SIZE 0x10000ull

static char err[256];

/* Two regions of SIZE; own[] are the guest's fds. */
static struct guest_mem *
two_regions(int *own)
{
	struct guest_mem_desc d[2] = {{0, SIZE, 0, 0}, {SIZE, SIZE, 0, 0}};
	int fds[2];

	for (int i = 0; i < 2; i++) {
		own[i] = ram_memfd(SIZE, 0);
		fds[i] = dup(own[i]);
	}
	return guest_mem_new(d, 2, fds, err, sizeof(err));
}

static int
look(const struct guest_mem *mem, uint64_t addr)
{
	return *(volatile uint8_t *)guest_mem_host(mem, addr, 1);
}

static void
test_truncated(void)
{
	int own[2];
	struct guest_mem *mem = two_regions(own);
	uint8_t byte = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mem);
	memset(guest_mem_host(mem, 0, SIZE), 0x11, SIZE);
	memset(guest_mem_host(mem, SIZE, SIZE), 0x22, SIZE);
	CU_ASSERT_EQUAL(ftruncate(own[0], 4096), 0);
	CU_ASSERT_FALSE(guest_mem_lost(mem));
	/* the page that is still there is, until one that is not is touched */
	CU_ASSERT_EQUAL(look(mem, 0), 0x11);
	CU_ASSERT_EQUAL(look(mem, 8192), 0);
	CU_ASSERT_TRUE(guest_mem_lost(mem));
	for (uint64_t at = 0; at < SIZE; at += 4095)
		CU_ASSERT_EQUAL(look(mem, at), at < 4096 ? 0x11 : 0);
	/* stores lead nowhere, and the other region is as it was */
	memset(guest_mem_host(mem, 0, SIZE), 0x33, SIZE);
	CU_ASSERT_EQUAL(ftruncate(own[0], SIZE), 0);
	CU_ASSERT_EQUAL(pread(own[0], &byte, 1, 4095), 1);
	CU_ASSERT_EQUAL(byte, 0x33);
	CU_ASSERT_EQUAL(pread(own[0], &byte, 1, 4096), 1);
	CU_ASSERT_EQUAL(byte, 0);
	for (uint64_t at = SIZE; at < 2 * SIZE; at += 4095)
		CU_ASSERT_EQUAL(look(mem, at), 0x22);
	guest_mem_free(mem);
	/* a new table in the place of the lost one is not lost */
	close(own[0]);
	close(own[1]);
	mem = two_regions(own);
	CU_ASSERT_PTR_NOT_NULL_FATAL(mem);
	CU_ASSERT_FALSE(guest_mem_lost(mem));
	guest_mem_free(mem);
	close(own[0]);
	close(own[1]);
}

static void
test_write_to_truncated(void)
{
	int own[2];
	struct guest_mem *mem = two_regions(own);

	CU_ASSERT_PTR_NOT_NULL_FATAL(mem);
	CU_ASSERT_EQUAL(ftruncate(own[1], 0), 0);
	memset(guest_mem_host(mem, SIZE, SIZE), 0x33, SIZE);
	CU_ASSERT_TRUE(guest_mem_lost(mem));
	CU_ASSERT_EQUAL(look(mem, 0), 0);
	guest_mem_free(mem);
	close(own[0]);
	close(own[1]);
}

/* Every slot taken: a table is refused, and fits again when one is free. */
static void
test_slots(void)
{
	static int slot[10000];
	static uint8_t dummy[1];
	struct guest_mem_desc d = {0, SIZE, 0, 0};
	unsigned int maps = fix_count_maps();
	int own[2], fd, n = 0;
	struct guest_mem *mem;

	while (n < 10000 && (slot[n] = sigbus_guard_add(dummy, 1, 1)) >= 0)
		n++;
	CU_ASSERT(n > 100 && n < 10000);
	fd = ram_memfd(SIZE, 0);
	CU_ASSERT_PTR_NULL(guest_mem_new(&d, 1, &fd, err, sizeof(err)));
	CU_ASSERT_STRING_EQUAL(err, "memory region 0 (0x0, 65536 bytes): too many memory regions "
				    "in this process");
	CU_ASSERT(fd >= 0);
	CU_ASSERT_EQUAL(fix_count_maps(), maps);
	sigbus_guard_remove(slot[--n]);
	mem = guest_mem_new(&d, 1, &fd, err, sizeof(err));
	CU_ASSERT_PTR_NOT_NULL(mem);
	guest_mem_free(mem);
	while (n > 0)
		sigbus_guard_remove(slot[--n]);
	sigbus_guard_remove(-1);
	mem = two_regions(own);
	CU_ASSERT_PTR_NOT_NULL(mem);
	guest_mem_free(mem);
	close(own[0]);
	close(own[1]);
}

static sigjmp_buf jump;
static volatile sig_atomic_t seen;

static void
info_handler(int sig, siginfo_t *info, void *uc)
{
	(void)sig;
	(void)uc;
	seen = info->si_addr != NULL ? 1 : 2;
	siglongjmp(jump, 1);
}

static void
plain_handler(int sig)
{
	(void)sig;
	seen = 3;
	siglongjmp(jump, 1);
}

/* A SIGBUS by a mapping that is not guarded. */
static void
foreign_fault(void)
{
	int fd = ram_memfd(4096, 0);
	volatile uint8_t *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

	if (ftruncate(fd, 0) == 0)
		(void)*p;
}

/* One that was sent, but looks like a fault inside of a guarded mapping. */
static void
forged_signal(void *at)
{
	siginfo_t info = {.si_signo = SIGBUS, .si_code = SI_QUEUE};

	info.si_addr = at;
	syscall(SYS_rt_sigqueueinfo, getpid(), SIGBUS, &info);
}

static void
set_first_handler(const char *how)
{
	struct sigaction sa = {.sa_flags = SA_NODEFER};

	sa.sa_handler = SIG_DFL;
	if (strncmp(how, "info", 4) == 0) {
		sa.sa_sigaction = info_handler;
		sa.sa_flags |= SA_SIGINFO;
	} else if (strncmp(how, "plain", 5) == 0) {
		sa.sa_handler = plain_handler;
	} else if (strncmp(how, "ignore", 6) == 0) {
		sa.sa_handler = SIG_IGN;
	}
	sigaction(SIGBUS, &sa, NULL);
}

/* test_sigbus_page.c, test_sigbus_chain.c, or
 * "<first handler>-<fault|kill>": answers 0 when the guard worked before and
 * after the foreign signal, 10 + what was seen by the first handler. */
int
sigbus_child(const char *how)
{
	struct guest_mem *mem;
	int own[2];

	alarm(30); /* an access that runs again and again */
	for (size_t i = 0; sigbus_cases[i].how; i++)
		if (strcmp(how, sigbus_cases[i].how) == 0)
			return sigbus_cases[i].child();
	set_first_handler(how);
	mem = two_regions(own);
	if (!mem || ftruncate(own[0], 0) != 0 || ftruncate(own[1], 0) != 0)
		return 1;
	if (look(mem, 0) != 0 || seen != 0)
		return 2;
	if (sigsetjmp(jump, 1) == 0) {
		if (strstr(how, "-kill"))
			kill(getpid(), SIGBUS);
		else if (strstr(how, "-forged"))
			forged_signal(mem->region[1].host);
		else
			foreign_fault();
	}
	if (sigbus_guard_lost(mem->region[1].host))
		return 5;
	if (strncmp(how, "default", 7) == 0)
		return 4; /* it should have been the end */
	/* the guard still works for the other region */
	if (look(mem, SIZE) != 0)
		return 3;
	guest_mem_free(mem);
	return 10 + seen;
}

int
sigbus_run_child(const char *how)
{
	int status = -1;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		execl("/proc/self/exe", "unit-vring", "sigbus-child", how, NULL);
		_exit(99);
	}
	CU_ASSERT(pid > 0 && waitpid(pid, &status, 0) == pid);
	return status;
}

static void
test_foreign(void)
{
	static const struct {
		const char *how;
		int exit; /* or */
		int signal;
	} want[] = {
		{"info-fault", 11, 0},        {"info-kill", 11, 0},
		{"plain-fault", 13, 0},       {"plain-kill", 13, 0},
		{"default-fault", 0, SIGBUS}, {"default-kill", 0, SIGBUS},
		{"ignore-fault", 0, SIGBUS},  {"ignore-kill", 10, 0},
		{"info-forged", 11, 0},       {"default-forged", 0, SIGBUS},
	};

	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		int status = sigbus_run_child(want[i].how);
		bool ok = want[i].signal ? WIFSIGNALED(status) && WTERMSIG(status) == want[i].signal
					 : WIFEXITED(status) && WEXITSTATUS(status) == want[i].exit;

		CU_ASSERT(ok);
		if (!ok)
			fprintf(stderr, "\n    %s: wait status 0x%x\n", want[i].how, status);
	}
}

/* Each in a process of its own; exit status 0, or the line that failed. */
static void
test_cases(void)
{
	for (size_t i = 0; sigbus_cases[i].how; i++) {
		int status = sigbus_run_child(sigbus_cases[i].how);

		CU_ASSERT_EQUAL(status, 0);
		if (status != 0)
			fprintf(stderr, "\n    %s: wait status 0x%x\n", sigbus_cases[i].how,
				status);
	}
}

CU_TestInfo sigbus_tests[] = {
	{"truncated file reads as zero", test_truncated},
	{"store to a truncated file", test_write_to_truncated},
	{"every slot taken", test_slots},
	{"pages, limits, and handlers over ours", test_cases},
	{"a foreign SIGBUS goes to the earlier handler", test_foreign},
	CU_TEST_INFO_NULL,
};
