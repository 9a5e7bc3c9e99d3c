/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/*
 * notify.pml - no wake-up is lost, although the data thread does not always wait
 * for its stores before it reads whether the guest wants to be interrupted
 * (vring_needs_fence(), vring_note_interrupts(), vring_watch_overdue() in
 * lib/vring/vring_notify.h).
 *
 * mk/model.sh has Spin search all orders of events.  A guest that sleeps for ever
 * beside used buffers is a deadlock, which Spin reports.  With
 * -DNO_WATCHDOG it has to find one.
 */

#define N 4 /* bursts */

byte used;       /* the data thread's own count */
byte seen_used;  /* what its processor has shown to others of it */
byte published;  /* bursts that have read what the guest wants */
bool on;         /* the guest wants interrupts; its stores are followed by barriers */
bool interrupt;  /* the eventfd */
bool disabled;   /* found so by VRING_ELIDE_AFTER bursts in a row */

/* The store buffer: shows stores in their order, at any time. */
active proctype store_buffer()
{
	do
	:: seen_used < used -> seen_used++
	:: seen_used == N -> break
	od
}

active proctype data_thread()
{
	bool fence, want;

	do
	:: published < N ->
		used++;
		/* any history; when disabled, every VRING_ELIDE_AFTER-th burst has one */
		if
		:: fence = true
		:: disabled -> fence = false
		fi;
		if
		:: fence -> seen_used == used
		:: else
		fi;
		want = on;
		if
		:: want -> disabled = false
		:: else ->
			if
			:: disabled = true
			:: !disabled -> skip
			fi
		fi;
		published++;
		if
		:: want ->
			/* a guest that woke up too early would sleep again */
			seen_used == used;
			interrupt = true
		:: else
		fi
	:: else -> break
	od
}

#ifndef NO_WATCHDOG
/* A tick is longer than any store takes to be seen. */
active proctype watchdog()
{
	byte now, last;
	bool moved, moves;

	do
	:: seen_used == used ->
		now = published;
		moves = now != last;
		if
		:: moved && !moves && disabled -> interrupt = true
		:: else
		fi;
		if
		:: now == N && !moves -> break
		:: else
		fi;
		last = now;
		moved = moves
	od
}
#endif

active proctype guest()
{
	byte done;

	do
	:: done < N ->
		if
		:: done < seen_used -> done = seen_used
		:: done == seen_used ->
			/* nothing there: polls on, or lets itself be woken */
			if
			:: skip
			:: on = true;
				if
				:: seen_used > done -> skip
				:: else ->
					interrupt;
					interrupt = false
				fi;
				on = false
			fi
		fi
	:: else -> break
	od
}
