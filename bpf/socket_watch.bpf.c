// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Remembers which program asked for which destination: TCP and UDP, at connect(2) and at
 * sendto(2) or sendmsg(2) with an address, before any packet filter sees a packet.  It
 * only watches: it always returns 1, so the call goes on.  lib/galaf/watch.py reads the map.
 *
 * The least recently used go when the map is full.  Times are nanoseconds since boot,
 * suspension included, so that they can be told as a time of day after it.
 */
#include <bpf/bpf_endian.h>
#include "current_mark.h"


struct destination {
	__u32 mark;		/* the socket's, which the conntrack mark is copied from */
	__u32 address[4];	/* as on the wire; IPv4 as ::ffff:a.b.c.d */
	__u16 port;
	__u16 protocol;
	__u8 comm[16];		/* the calling thread's name; no char: bpftool's JSON escapes it badly */
};

struct tries {
	__u64 count;
	__u64 first_ns;
	__u64 last_ns;
	__u64 pid;		/* the last process */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct destination);
	__type(value, struct tries);
} galaf_seen SEC(".maps");

static inline int seen(struct bpf_sock_addr *ctx, struct destination *to)
{
	__u64 now = bpf_ktime_get_boot_ns();
	__u64 pid = bpf_get_current_pid_tgid() >> 32;
	struct tries *old, new = { 1, now, now, pid };

	/* With galaf_config --no-ebpf nothing marks sockets: then who calls is who counts. */
	to->mark = ctx->sk && ctx->sk->mark ? ctx->sk->mark : current_mark();
	to->port = bpf_ntohs(ctx->user_port);
	to->protocol = ctx->protocol;
	bpf_get_current_comm(to->comm, sizeof(to->comm));
	old = bpf_map_lookup_elem(&galaf_seen, to);
	if (!old) {
		bpf_map_update_elem(&galaf_seen, to, &new, BPF_NOEXIST);
		return 1;
	}
	__sync_fetch_and_add(&old->count, 1);
	old->last_ns = now;
	old->pid = pid;
	return 1;
}

static inline int seen4(struct bpf_sock_addr *ctx)
{
	struct destination to = { .address = { 0, 0, bpf_htonl(0xffff), ctx->user_ip4 } };

	return seen(ctx, &to);
}

static inline int seen6(struct bpf_sock_addr *ctx)
{
	struct destination to = { .address = { ctx->user_ip6[0], ctx->user_ip6[1],
					       ctx->user_ip6[2], ctx->user_ip6[3] } };

	return seen(ctx, &to);
}

SEC("cgroup/connect4") int galaf_connect4(struct bpf_sock_addr *ctx) { return seen4(ctx); }
SEC("cgroup/connect6") int galaf_connect6(struct bpf_sock_addr *ctx) { return seen6(ctx); }
SEC("cgroup/sendmsg4") int galaf_sendmsg4(struct bpf_sock_addr *ctx) { return seen4(ctx); }
SEC("cgroup/sendmsg6") int galaf_sendmsg6(struct bpf_sock_addr *ctx) { return seen6(ctx); }

char _license[] SEC("license") = "GPL";
