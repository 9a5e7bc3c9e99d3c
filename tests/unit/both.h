/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef TEST_BOTH_H
#define TEST_BOTH_H

/* both.h - a case that is written once and runs for both ring formats. */

/* Defines fn_split() and fn_packed(), which call fn(false) and fn(true). */
#define BOTH(fn)                      \
	static void fn##_split(void)  \
	{                             \
		fn(false);            \
	}                             \
	static void fn##_packed(void) \
	{                             \
		fn(true);             \
	}

/* The two lines of a table of tests, with the format in their names. */
#define BOTH_TESTS(name, fn)                 \
	{"split: " name, fn##_split},        \
	{                                    \
		"packed: " name, fn##_packed \
	}

#endif /* TEST_BOTH_H */
