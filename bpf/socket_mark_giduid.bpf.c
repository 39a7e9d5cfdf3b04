// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Marks every IPv4 and IPv6 socket with who made it; see current_mark.h.  The kernel calls
 * it for these two families only, and not for sockets of its own.  It only labels: it
 * always returns 1, so the socket is made whatever happens here.
 */
#include "current_mark.h"

SEC("cgroup/sock_create")
int galaf_socket(struct bpf_sock *sk)
{
	sk->mark = current_mark();
	return 1;
}

char _license[] SEC("license") = "GPL";
