// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Marks every IPv4 and IPv6 socket with who made it:
 *
 *	mark = (gid & 0xffff) << 16 | (uid & 0xffff), uid 0 written as 1
 *
 * so that 0 always means "unmarked".  It only labels: whatever happens here, the socket
 * is made.  The codec is in lib/galaf/mark.py.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define AF_INET 2
#define AF_INET6 10

SEC("cgroup/sock_create")
int socket_mark_giduid(struct bpf_sock *sk)
{
	__u64 ids = bpf_get_current_uid_gid();	/* gid in the high half, uid in the low one */
	__u32 uid = ids & 0xffff;
	__u32 gid = ids >> 32 & 0xffff;

	if (sk->family == AF_INET || sk->family == AF_INET6)
		sk->mark = gid << 16 | (uid ? uid : 1);
	return 1;
}

char _license[] SEC("license") = "GPL";
