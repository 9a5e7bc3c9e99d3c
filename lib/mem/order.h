/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_ORDER_H
#define VIRTQ_ORDER_H

/*
 * order.h - the only atomics and fences of lib and drivers.  Each names
 * its partner; doc/architecture.md lists the pairs.
 *
 *   A  used entries, then used index       -> guest reads index, then entries
 *   B  guest writes chain, then avail index -> we read index, then chain
 *   C  used index, fence, guest's suppression word -> guest's word, fence, used index
 *   D  burst: active, view                 -> control: view, membarrier, active
 *   E  burst: last access, active = 0      -> control: active == 0, then unmap
 *   F  control: view filled, view pointer  -> burst: pointer, then fields
 *   G  device: run word cleared            -> burst: run word, first, and before it publishes
 *   H  burst: journal, position, used descriptors, position
 *                                          -> device: position after the PMD died
 */

#include <linux/membarrier.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A value of memory that others write: read once, never re-read by the compiler. */
static inline uint16_t
order_read16(const uint16_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static inline uint32_t
order_read32(const uint32_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static inline uint64_t
order_read64(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static inline void
order_write16(uint16_t *p, uint16_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELAXED);
}

static inline void
order_write32(uint32_t *p, uint32_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELAXED);
}

/* H: one piece, so that whoever reads it later never sees half a position, and
 * behind every store before it; also A of a packed ring, whose used descriptor is
 * one piece, too. */
static inline void
order_release64(uint64_t *p, uint64_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

/* What was copied from memory that others write is used from the copy: the
 * compiler may not go back to the original. */
static inline void
order_keep_copy(void *copy, size_t size)
{
	__asm__ volatile("" : "+m"(*(char(*)[size])copy));
}

/* The same for a copy that is in a vector register. */
#define order_keep_vector(v) __asm__ volatile("" : "+x"(v))

/* Loads before it are done before loads behind it: B where the index, or the
 * flags of a packed descriptor, are read in vectors. */
static inline void
order_loads(void)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
}

/* Stores behind it are not made before those before it: H and A where they are
 * vectors. */
static inline void
order_stores(void)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

/* The processor's own copy loop. */
static inline void
order_copy_string(void *dst, const void *src, size_t len)
{
#if defined(__x86_64__)
	__asm__ volatile("rep movsb" : "+D"(dst), "+S"(src), "+c"(len) : : "memory");
#else
	__builtin_memcpy(dst, src, len);
#endif
}

/* B: pairs with the guest's write barrier before it moves the avail index. */
static inline uint16_t
order_acquire16(const uint16_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

/* A: pairs with the guest's read barrier behind its look at the used index. */
static inline void
order_release16(uint16_t *p, uint16_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

/* C: pairs with the guest's full barrier between enabling notifications and
 * its last look at the used index. */
static inline void
order_fence(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* F, reading side: the view's fields are read behind its pointer. */
static inline void *
order_acquire_ptr(void *const *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

/* F, writing side: the view is complete before its pointer is seen. */
static inline void
order_release_ptr(void **p, void *v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

/* D, burst's side.  The store of active must not pass the load of the view; on
 * the processor that takes a fence, which order_wait_idle()'s membarrier puts
 * into this thread when it is needed.  Without membarrier (cheap is false) the
 * burst pays for it. */
static inline void
order_enter(uint32_t *active, bool cheap)
{
	__atomic_store_n(active, 1, __ATOMIC_RELAXED);
	if (cheap)
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
	else
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* E, burst's side: everything the burst did comes before. */
static inline void
order_leave(uint32_t *active)
{
	__atomic_store_n(active, 0, __ATOMIC_RELEASE);
}

/* E, control's side. */
static inline bool
order_is_idle(const uint32_t *active)
{
	return __atomic_load_n(active, __ATOMIC_ACQUIRE) == 0;
}

/* Asks the kernel for cheap barriers; false if it has none (before Linux 4.14,
 * or forbidden by a sandbox).  To be called once before the first burst. */
static inline bool
order_membarrier_register(void)
{
	return syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

/* D, control's side: once this returns, every thread of the process has passed
 * a full barrier since the view pointer was changed. */
static inline void
order_barrier_everywhere(bool cheap)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (cheap)
		(void)syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
}

static inline void
order_raise32(uint32_t *p, uint32_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

static inline uint32_t
order_acquire32(const uint32_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

#endif /* VIRTQ_ORDER_H */
