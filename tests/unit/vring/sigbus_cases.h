/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef TEST_SIGBUS_CASES_H
#define TEST_SIGBUS_CASES_H

/* sigbus_cases.h - what a SIGBUS must not do, each in a process of its own. */

#include <stdio.h>
#include <unistd.h>

struct sigbus_case {
	const char *how;
	int (*child)(void); /* 0: as it should be */
};

/* The last one has no name. */
extern const struct sigbus_case sigbus_cases[];

/* test_sigbus_page.c */
int page_locked_3g(void);
int page_locked_1t(void);
int page_many(void);
int page_no_private(void);
int page_no_room(void);
int page_huge(void);
int page_callback(void);
int page_threads(void);

/* test_sigbus_chain.c */
int chain_installed_early(void);
int chain_installed_in_swap(void);
int chain_hotplug(void);
int chain_jumps(void);
int chain_levels(void);
int chain_kill(void);

/* Ends the child in which something is not as it should be. */
#define CHECK(x)                                                                 \
	do {                                                                     \
		if (!(x)) {                                                      \
			dprintf(2, "\n    %s:%d: %s\n", __FILE__, __LINE__, #x); \
			_exit(1);                                                \
		}                                                                \
	} while (0)

#endif /* TEST_SIGBUS_CASES_H */
