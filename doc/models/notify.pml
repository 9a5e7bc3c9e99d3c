/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

/*
 * notify.pml - no wake-up is lost, although the data thread does not always wait
 * for its stores before it looks whether the guest wants to be interrupted
 * (vring_loud(), vring_heard(), vring_overdue() in lib/vring).
 *
 * mk/model.sh has Spin search all orders of events.  A guest that sleeps for ever
 * beside buffers that were given back is a deadlock, which Spin reports.  With
 * -DNO_WATCHDOG it has to find one.
 */

#define N 4 /* bursts */

byte used;       /* the data thread's own count */
byte seen_used;  /* what its processor has shown to others of it */
byte published;  /* bursts whose look at the guest's wish is over */
bool on;         /* the guest wants interrupts; its stores are followed by barriers */
bool interrupt;  /* the eventfd */
bool quiet;      /* VRING_QUIET looks in a row found them off */

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
	bool loud, wish;

	do
	:: published < N ->
		used++;
		/* any history of looks; loud is also one in VRING_QUIET when quiet */
		if
		:: loud = true
		:: quiet -> loud = false
		fi;
		if
		:: loud -> seen_used == used /* the fence */
		:: else
		fi;
		wish = on;
		if
		:: wish -> quiet = false
		:: else ->
			if
			:: quiet = true
			:: !quiet -> skip
			fi
		fi;
		published++;
		if
		:: wish ->
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
		:: moved && !moves && quiet -> interrupt = true
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
