/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef TEST_STEP_H
#define TEST_STEP_H

/*
 * step.h - a look behind every instruction: what another process would find if
 * this one were killed there.
 */

/* Runs call(arg), and look(arg) behind each of its instructions.  Returns how many
 * there were; 0 on processors other than x86-64, where call(arg) simply runs. */
unsigned long step_through(void (*call)(void *), void (*look)(void *), void *arg);

#endif /* TEST_STEP_H */
