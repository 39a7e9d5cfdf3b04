/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Maps in which each mark has a share of its own: whoever fills it loses what is oldest of it, and
 * nobody else's.  A key is a mark and a number below its share; where an entry belongs is told by a
 * hash of what it is about, one of WAYS places in a row.
 *
 * The maps hold 32 shares or more.  Where as many are full the kernel makes room by removing what was
 * least recently used.
 */
#ifndef SHARE_H
#define SHARE_H
#include "current_mark.h"

#define WAYS 4

struct place {
	__u32 mark;
	__u32 number;
};

struct tries {
	__u64 count;
	__u64 first_ns;		/* since boot, suspension included, so that it can be told as a time of day */
	__u64 last_ns;
};

/* Whether words are the same; every structure that is compared here is a multiple of 4 bytes. */
static __always_inline int same(const __u32 *one, const __u32 *other, __u32 words)
{
	__u32 i;

	for (i = 0; i < words; i++)
		if (one[i] != other[i])
			return 0;
	return 1;
}

static __always_inline __u32 hash(const __u32 *words, __u32 number)
{
	__u32 i, sum = 0;

	for (i = 0; i < number; i++)
		sum = (sum ^ words[i]) * 0x9e3779b1;	/* 2^32 divided by the golden ratio */
	return sum ^ sum >> 15;		/* a product's low bits know nothing of the high ones */
}

/*
 * Finds a mark's entry of a map, whose values begin with struct tries: returns the one whose words at
 * an offset are these, and counts a try more; else 0, with the place for a new one in *to, that of
 * the oldest where none is free.
 */
static __always_inline void *find(void *map, __u32 share, struct place *to, __u32 at, const void *words, __u32 number)
{
	__u32 i, first = hash(words, number) % share & ~(WAYS - 1), best = first;
	__u64 oldest = ~0ULL;

	for (i = 0; i < WAYS; i++) {
		struct tries *there;

		to->number = first + i;
		there = bpf_map_lookup_elem(map, to);
		if (there && same((const __u32 *)((char *)there + at), words, number)) {
			__sync_fetch_and_add(&there->count, 1);
			there->last_ns = bpf_ktime_get_boot_ns();
			return there;
		}
		if ((there ? there->last_ns : 0) < oldest) {
			oldest = there ? there->last_ns : 0;
			best = to->number;
		}
	}
	to->number = best;
	return 0;
}
#endif
