// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Remembers which program asked for which destination: TCP and UDP, at connect(2) and at
 * sendto(2) or sendmsg(2) with an address, before any packet filter sees a packet.  It
 * only watches: it always returns 1, so the call goes on.  lib/galaf/observe/watch.py reads the map.
 * answers.h does so for what the name server answers.
 *
 * What goes on in other network namespaces than the one where galaf_mark ran is left out: no packet
 * of theirs meets the rules, and in one of his own any user gives a socket any mark (SO_MARK).
 */
#include <asm/socket.h>
#include <linux/socket.h>
#include "answers.h"
#include "program.h"

#define SEEN_SHARE 1024
#define NOBODY 0xffff	/* the mark of whom the mark can't hold: mark.py, OTHERS */

struct destination {
	__u32 address[4];	/* as on the wire; IPv4 as ::ffff:a.b.c.d */
	__u16 port;
	__u16 protocol;
	__u8 comm[16];		/* as program_name() has it; no char: bpftool's JSON escapes it badly */
};

struct seen {
	struct tries tries;
	struct destination to;
	__u32 pid;		/* the last process */
	__u64 inode, size;	/* of the executable of the first one, by which it is known again */
};

/* The cookie of the network namespace in which galaf_mark ran, which writes it here. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} galaf_home SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32 * SEEN_SHARE);
	__uint(key_size, sizeof(struct place));
	__uint(value_size, sizeof(struct seen));
} galaf_seen SEC(".maps");

static __always_inline int at_home(struct bpf_sock_addr *ctx)
{
	__u32 zero = 0;
	__u64 *home = bpf_map_lookup_elem(&galaf_home, &zero);

	return home && *home == bpf_get_netns_cookie(ctx);
}

/* Lets galaf_answers know a socket that asks a name server, and by which program. */
static __always_inline void note_asking(struct bpf_sock_addr *ctx, const __u8 *comm)
{
	struct asking *asking = ctx->sk ? bpf_sk_storage_get(&galaf_asking, ctx->sk, 0, BPF_SK_STORAGE_GET_F_CREATE) : 0;

	if (asking)
		__builtin_memcpy(asking->comm, comm, sizeof(asking->comm));
}

static __always_inline void note_seen(struct bpf_sock_addr *ctx, struct seen *new)
{
	struct place place = {};
	struct seen *old;

	/* With galaf_config --no-ebpf nothing marks sockets: then who calls is who counts. */
	place.mark = ctx->sk && ctx->sk->mark ? ctx->sk->mark : current_mark();
	if (!place.mark)
		place.mark = NOBODY;
	old = find(&galaf_seen, SEEN_SHARE, &place, __builtin_offsetof(struct seen, to), &new->to, sizeof(new->to) / 4);
	if (old) {
		old->pid = new->pid;
		return;
	}
	note_executable(&new->inode, &new->size);
	bpf_map_update_elem(&galaf_seen, &place, new, BPF_ANY);
}

static __always_inline int seen(struct bpf_sock_addr *ctx, struct seen *new)
{
	if (!at_home(ctx))
		return 1;
	new->tries.count = 1;
	new->tries.first_ns = new->tries.last_ns = bpf_ktime_get_boot_ns();
	new->to.port = bpf_ntohs(ctx->user_port);
	new->to.protocol = ctx->protocol;
	new->pid = bpf_get_current_pid_tgid() >> 32;
	program_name(new->to.comm);
	if (new->to.port == DNS && ctx->protocol == IPPROTO_UDP)
		note_asking(ctx, new->to.comm);
	note_seen(ctx, new);
	return 1;
}

static __always_inline int seen4(struct bpf_sock_addr *ctx)
{
	struct seen new = { .to.address = { 0, 0, bpf_htonl(0xffff), ctx->user_ip4 } };

	return seen(ctx, &new);
}

static __always_inline int seen6(struct bpf_sock_addr *ctx)
{
	struct seen new = { .to.address = { ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3] } };

	return seen(ctx, &new);
}

/*
 * dnsmasq marks its socket with who asked for each query that it sends, but where conntrack does not know that any
 * more; and shares the socket among queries.  So a mark is for one datagram: this one has it already, and the next
 * has none, which the rules refuse.  Another program of that name has packets without a mark, and these rules go by ids.
 */
static __always_inline void mark_once(struct bpf_sock_addr *ctx)
{
	char comm[16] = {}, wanted[8] = "dnsmasq";
	__u32 none = 0;

	if (ctx->user_port == bpf_htons(DNS) && ctx->protocol == IPPROTO_UDP &&
	    !bpf_get_current_comm(comm, sizeof(comm)) && *(__u64 *)comm == *(__u64 *)wanted)
		bpf_setsockopt(ctx, SOL_SOCKET, SO_MARK, &none, sizeof(none));
}

static __always_inline int sent(struct bpf_sock_addr *ctx, int returned)
{
	mark_once(ctx);
	return returned;
}

SEC("cgroup/connect4") int galaf_connect4(struct bpf_sock_addr *ctx) { return seen4(ctx); }
SEC("cgroup/connect6") int galaf_connect6(struct bpf_sock_addr *ctx) { return seen6(ctx); }
SEC("cgroup/sendmsg4") int galaf_sendmsg4(struct bpf_sock_addr *ctx) { return sent(ctx, seen4(ctx)); }
SEC("cgroup/sendmsg6") int galaf_sendmsg6(struct bpf_sock_addr *ctx) { return sent(ctx, seen6(ctx)); }

char _license[] SEC("license") = "GPL";
