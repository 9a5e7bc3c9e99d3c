/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/*
 * notify.pml - no wake-up is lost, although the data thread does not always wait
 * for its stores before it reads whether the guest wants to be interrupted
 * (vring_needs_fence(), vring_note_interrupts(), vring_watch_overdue() in
 * lib/vring/vring_notify.h).
 *
 * Spin (mk/model.sh) searches all orders of events.  A guest that sleeps for ever although
 * used buffers were returned is a deadlock, which Spin reports.  With -DNO_WATCHDOG it has
 * to find one.
 */

#define N 4 /* bursts */

byte used;       /* bursts, as the data thread counts them */
byte seen_used;  /* bursts whose used index other processors see */
byte published;  /* bursts that have read whether the guest wants interrupts */
bool on;         /* the guest wants interrupts; its stores are followed by barriers */
bool interrupt;  /* the eventfd */
bool disabled;   /* VRING_ELIDE_AFTER bursts in a row found interrupts disabled */

/* The store buffer: makes stores visible in order, each at any time. */
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
		/* any history of bursts; if disabled, some still have a fence */
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
			/* the second fence: a guest that runs too early would sleep again */
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
			/* nothing there: polls again, or enables interrupts and sleeps */
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
