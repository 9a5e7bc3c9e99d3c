/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (c) 2026 The virtq project */

#ifndef VIRTQ_ORDER_H
#define VIRTQ_ORDER_H

/*
 * order.h - the only atomics and fences of lib and drivers.  Each names the letter of its
 * pair; doc/architecture.md lists the pairs.
 *
 *   A  used entries, then used index       -> guest reads index, then entries
 *   B  guest writes chain, then avail index -> we read index, then chain
 *   C  used index, fence, guest's suppression word -> guest's word, fence, used index
 *   D  burst: active, view                 -> control: view, membarrier, active
 *   E  burst: last access, active = 0      -> control: active == 0, then unmap
 *   F  control: view filled, view pointer  -> burst: pointer, then fields
 *   G  device: run word cleared            -> burst: run word, first, between packets, before it publishes
 *   H  burst: journal, position, used descriptors, position
 *                                          -> device: position after the PMD died
 *   I  control: guard's size, guard's map  -> SIGBUS handler: map, size, map again
 *   J  burst: used index, fence, call left -> control: takes it, then calls the guest
 *   K  burst: guest memory, dirty bit      -> peer: takes the bit, then copies the page
 */

#include <linux/membarrier.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Memory that others write is read once: the compiler must not load it again. */
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

/* H: a single store, so that no reader sees half a position, after all earlier stores.
 * A of a packed ring: length, id and flags of a used descriptor. */
static inline void
order_release64(uint64_t *p, uint64_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

/* After a copy of memory that others write: the compiler must not load the original
 * again. */
static inline void
order_keep_copy(void *copy, size_t size)
{
	__asm__ volatile("" : "+m"(*(char(*)[size])copy));
}

/* The same for a copy in a vector register. */
#define order_keep_vector(v) __asm__ volatile("" : "+x"(v))

/* B, after vector loads of the flags of packed descriptors: later loads stay after
 * earlier ones. */
static inline void
order_loads(void)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
}

/* H and A, before vector stores: later stores stay after earlier ones. */
static inline void
order_stores(void)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

/* rep movsb where there is one. */
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

/* A: pairs with the guest's read barrier after its load of the used index. */
static inline void
order_release16(uint16_t *p, uint16_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

/* C: pairs with the guest's full barrier between enabling interrupts and its last load
 * of the used index. */
static inline void
order_fence(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* F and I, reading side: the fields are read after the pointer. */
static inline void *
order_acquire_ptr(void *const *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

/* F and I, writing side: the fields are visible before the pointer. */
static inline void
order_release_ptr(void **p, void *v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

/* D, burst's side.  The load of the view must not pass the store of active.  With
 * membarrier (cheap is true) only the compiler has to be kept from it: the processor's
 * fence comes from order_barrier_everywhere() when it is needed. */
static inline void
order_enter(uint32_t *active, bool cheap)
{
	__atomic_store_n(active, 1, __ATOMIC_RELAXED);
	if (cheap)
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
	else
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* E, burst's side: after every access of the burst. */
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

/* Registers this process with membarrier(2); false if it cannot be used (before Linux
 * 4.14, or forbidden by a sandbox).  To be called once before the first burst. */
static inline bool
order_membarrier_register(void)
{
	return syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

/* How order_barrier_everywhere() reached the other threads. */
enum order_way {
	ORDER_FENCE,     /* not cheap: each burst has its own fence */
	ORDER_EXPEDITED, /* membarrier(2), as registered */
	ORDER_GLOBAL,    /* membarrier(2), which waits for all processors */
	ORDER_WAITED,
};

/* membarrier(2) can fail where it was registered: in a forked child, out of memory, or
 * forbidden since.  Registers again; then the slow command; then waits until every store
 * of before is visible. */
enum order_way order_barrier_slow(void);

/* D, control's side: once this returns, every thread of the process has passed
 * a full barrier since the view pointer was changed. */
static inline enum order_way
order_barrier_everywhere(bool cheap)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!cheap)
		return ORDER_FENCE;
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0)
		return ORDER_EXPEDITED;
	return order_barrier_slow();
}

/* I and J, writing side. */
static inline void
order_release32(uint32_t *p, uint32_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

/* Counts an event in a word that several threads count in; returns how many there were
 * before.  Orders nothing. */
static inline uint32_t
order_count32(uint32_t *p)
{
	return __atomic_fetch_add(p, 1, __ATOMIC_RELAXED);
}

/* K: sets bits of a byte in which others set and clear bits, after all earlier stores. */
static inline void
order_or8(uint8_t *p, uint8_t bits)
{
	__atomic_fetch_or(p, bits, __ATOMIC_RELEASE);
}

/* J, control's side: reads a word and clears it. */
static inline uint32_t
order_take32(uint32_t *p)
{
	return __atomic_exchange_n(p, 0, __ATOMIC_SEQ_CST);
}

/* G: pairs with the device's release store of the run word.  I, reading side. */
static inline uint32_t
order_acquire32(const uint32_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

#endif /* VIRTQ_ORDER_H */
