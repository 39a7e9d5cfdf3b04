/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The mark of whoever is running, by its real ids:
 *
 *	(gid & 0xffff) << 16 | (uid & 0xffff), uid 0 written as 1
 *
 * so that 0 always means "unmarked".  lib/galaf/mark.py is the same for Python.
 *
 * It is 0 too where it can't hold an id: any user has ids above 65535 (newuidmap(1)), and their
 * low 16 bits are another's.  The ruleset then marks the connection, by the exact ids that it knows.
 */
#ifndef CURRENT_MARK_H
#define CURRENT_MARK_H
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static inline __u32 current_mark(void)
{
	__u64 ids = bpf_get_current_uid_gid();	/* gid in the high half, uid in the low one */
	__u32 uid = ids;
	__u32 gid = ids >> 32;

	if (uid > 0xffff || gid > 0xffff)
		return 0;
	return gid << 16 | (uid ? uid : 1);
}
#endif
