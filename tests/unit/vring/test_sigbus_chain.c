/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/* test_sigbus_chain.c - other handlers of SIGBUS come and go over ours, as EAL's do. */

#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "fixture.h"
#include "sigbus_cases.h"
#include "sigbus_guard.h"

#define SIZE 0x1000000ull
#define PAGE 4096ull

static sigjmp_buf jump;

/* The application's own handler, which was there first. */
static volatile sig_atomic_t app_calls;
static void *volatile app_addr;
static volatile int app_code;

static void
app_handler(int sig, siginfo_t *info, void *uc)
{
	CHECK(sig == SIGBUS && uc);
	app_calls++;
	app_addr = info->si_addr;
	app_code = info->si_code;
	siglongjmp(jump, 1);
}

/* EAL's, while it allocates a hugepage: found handlers are neither called nor kept. */
static struct sigaction temp_old;
static volatile sig_atomic_t temp_calls;

static void
temp_handler(int sig)
{
	CHECK(sig == SIGBUS);
	temp_calls++;
	siglongjmp(jump, 1);
}

static void
set(struct sigaction *sa, struct sigaction *old)
{
	sigemptyset(&sa->sa_mask);
	sigaddset(&sa->sa_mask, SIGBUS);
	CHECK(sigaction(SIGBUS, sa, old) == 0);
}

static void
temp_on(void)
{
	set(&(struct sigaction){.sa_handler = temp_handler}, &temp_old);
}

static void
temp_off(void)
{
	CHECK(sigaction(SIGBUS, &temp_old, NULL) == 0);
}

/* EAL's for hotplug, which chains to what it found.  Its comparison of flags fails where
 * libc reports SA_RESTORER, so it passes one argument to a handler that expects three. */
static struct sigaction plug_old;
static volatile sig_atomic_t plug_calls;

static void
plug_handler(int sig, siginfo_t *info, void *uc)
{
	CHECK(info->si_addr || info->si_code <= 0);
	plug_calls++;
	if (plug_old.sa_flags == SA_SIGINFO)
		plug_old.sa_sigaction(sig, info, uc);
	else
		plug_old.sa_sigaction(sig, (siginfo_t *)8, (void *)8);
}

static void
plug_on(void)
{
	set(&(struct sigaction){.sa_sigaction = plug_handler, .sa_flags = SA_SIGINFO}, &plug_old);
}

static void
plug_off(void)
{
	CHECK(sigaction(SIGBUS, &plug_old, NULL) == 0);
}

static void
app_on(void)
{
	set(&(struct sigaction){.sa_sigaction = app_handler, .sa_flags = SA_SIGINFO}, NULL);
}

static struct guest_mem *
lost_region(void)
{
	struct guest_mem_desc d = {0, SIZE, 0, 0};
	struct guest_mem *mem;
	char err[256];
	int fd = ram_memfd(SIZE, 0), own = dup(fd);

	mem = guest_mem_new(&d, 1, &fd, err, sizeof(err));
	CHECK(mem && ftruncate(own, 0) == 0);
	close(own);
	return mem;
}

static uint64_t next_page;

/* A page that no access has found missing yet; the guard's other pages do not matter. */
static void
guarded_fault(const struct guest_mem *mem)
{
	int calls = app_calls, temps = temp_calls;

	CHECK(next_page < SIZE);
	CHECK(*(volatile uint8_t *)guest_mem_host(mem, next_page, 1) == 0);
	next_page += PAGE;
	CHECK(app_calls == calls && temp_calls == temps);
}

/* Returns the address that faulted, in memory that is not guarded. */
static void *
foreign_fault(void)
{
	static volatile uint8_t *p;
	int fd = ram_memfd(PAGE, 0);

	p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED && ftruncate(fd, 0) == 0);
	close(fd);
	if (sigsetjmp(jump, 1) == 0) {
		(void)p[123];
		CHECK(!"the access returned");
	}
	return (void *)(p + 123);
}

static void
foreign_fault_reaches_app(void)
{
	int calls = app_calls;
	void *addr;

	app_addr = NULL;
	addr = foreign_fault();
	CHECK(app_calls == calls + 1 && app_addr == addr && app_code == BUS_ADRERR);
}

/* Ours is there before EAL swaps. */
int
chain_installed_early(void)
{
	struct guest_mem *mem;

	app_on();
	CHECK(sigbus_guard_check() == 0);
	temp_on();
	mem = lost_region();
	guarded_fault(mem);
	foreign_fault();
	CHECK(temp_calls == 1 && app_calls == 0);
	guarded_fault(mem);
	temp_off();
	guarded_fault(mem);
	foreign_fault_reaches_app();
	guarded_fault(mem);
	return 0;
}

/* Ours is installed while EAL's is there, which then restores what was before both. */
int
chain_installed_in_swap(void)
{
	struct guest_mem *mem;

	app_on();
	temp_on();
	mem = lost_region();
	guarded_fault(mem);
	temp_off();
	CHECK(sigbus_guard_check() == 0);
	guarded_fault(mem);
	foreign_fault_reaches_app();
	guarded_fault(mem);
	return 0;
}

/* rte_dev_hotplug_handle_enable() and _disable(), with and without a check in between. */
int
chain_hotplug(void)
{
	struct guest_mem *mem;

	app_on();
	CHECK(sigbus_guard_check() == 0);
	mem = lost_region();
	for (int i = 0; i < 20; i++) {
		plug_on();
		if (i & 1)
			CHECK(sigbus_guard_check() == 0);
		guarded_fault(mem);
		plug_calls = 0;
		foreign_fault_reaches_app();
		CHECK(plug_calls == 1);
		guarded_fault(mem);
		plug_off();
		if (i & 2)
			CHECK(sigbus_guard_check() == 0);
		guarded_fault(mem);
		foreign_fault_reaches_app();
	}
	/* chained to, and nobody of ours was on top when the signal was raised */
	plug_on();
	foreign_fault_reaches_app();
	/* under both of EAL's */
	temp_on();
	CHECK(sigbus_guard_check() == 0);
	foreign_fault();
	CHECK(temp_calls == 1);
	guarded_fault(mem);
	temp_off();
	foreign_fault_reaches_app();
	guarded_fault(mem);
	return 0;
}

/* EAL's handler leaves the chain by siglongjmp() again and again. */
int
chain_jumps(void)
{
	struct guest_mem *mem;

	app_on();
	CHECK(sigbus_guard_check() == 0);
	mem = lost_region();
	for (int i = 1; i <= 500; i++) {
		temp_on();
		CHECK(sigbus_guard_check() == 0);
		foreign_fault();
		CHECK(temp_calls == i);
		temp_off();
		if (i % 10 == 0)
			guarded_fault(mem);
	}
	/* what a jump left does not mislead a level that is not on top */
	plug_on();
	guarded_fault(mem);
	foreign_fault_reaches_app();
	return 0;
}

/* More checks in swaps than there are levels, and none between them. */
int
chain_levels(void)
{
	struct guest_mem *mem;

	app_on();
	CHECK(sigbus_guard_check() == 0);
	for (int i = 0; i < 100; i++) {
		temp_on();
		CHECK(sigbus_guard_check() == 0);
		temp_off();
	}
	mem = lost_region();
	guarded_fault(mem);
	foreign_fault_reaches_app();
	return 0;
}

/* A SIGBUS that a process sent has no address, and goes to the application. */
int
chain_kill(void)
{
	struct guest_mem *mem;

	app_on();
	mem = lost_region();
	plug_on();
	CHECK(sigbus_guard_check() == 0);
	app_code = 1;
	if (sigsetjmp(jump, 1) == 0)
		CHECK(kill(getpid(), SIGBUS) == 0 && !"the signal was lost");
	CHECK(app_calls == 1 && app_code == SI_USER);
	guarded_fault(mem);
	return 0;
}

const struct sigbus_case sigbus_cases[] = {
	{"locked-3g", page_locked_3g},
	{"locked-1t", page_locked_1t},
	{"many-pages", page_many},
	{"no-private-memory", page_no_private},
	{"no-address-space", page_no_room},
	{"huge-pages", page_huge},
	{"callback", page_callback},
	{"threads", page_threads},
	{"installed-early", chain_installed_early},
	{"installed-in-swap", chain_installed_in_swap},
	{"hotplug", chain_hotplug},
	{"jumps", chain_jumps},
	{"levels", chain_levels},
	{"kill-over-hotplug", chain_kill},
	{NULL, NULL},
};
