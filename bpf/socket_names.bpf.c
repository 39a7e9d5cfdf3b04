// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Remembers what the name server on this machine answers to each program: which name an
 * address was resolved from, and which names were refused.  It looks at UDP from port 53
 * on the loopback interface as the program's socket receives it, and only watches: it
 * always returns 1, so the packet goes on.  lib/galaf/answers.py reads the maps.
 *
 * The least recently used go when a map is full.  Nothing of it is written to a disk.  An
 * answer is read as dnsmasq writes it (RFC 1035, 4.1): one question; each record's owner is a
 * pointer; names of more than NAME - 1 bytes and records after the RECORDS-th are left out.
 */
#include <bpf/bpf_endian.h>
#include <linux/in.h>
#include "current_mark.h"

#define LOOPBACK 1	/* the interface's index, in every network namespace */
#define NAME 128
#define SHORTEST 5	/* of a question: the root, a type and a class */
#define RECORDS 24
#define TYPE_A 1
#define TYPE_AAAA 28
#define REFUSED 5

struct question {
	__u32 mark;		/* of the socket that asked */
	__u16 type;
	__u16 unused;
	__u8 name[NAME];	/* labels as on the wire, then zeros */
};

struct owner {
	__u32 mark;
	__u32 address[4];	/* as on the wire; IPv4 as ::ffff:a.b.c.d */
};

struct tries {
	__u64 count;
	__u64 first_ns;		/* since boot, suspension included */
	__u64 last_ns;
};

struct head {
	__be16 source_port, port, length, checksum;
	__be16 id, flags, questions, answers, authorities, additional;
};

struct record {
	__u8 owner[2];
	__be16 type, class;
	__be32 ttl;
	__be16 length;
} __attribute__((packed));

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__uint(key_size, sizeof(struct owner));		/* no types: bpftool would print all of it twice */
	__uint(value_size, sizeof(struct question));
} galaf_resolved SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__uint(key_size, sizeof(struct question));
	__uint(value_size, sizeof(struct tries));
} galaf_refused SEC(".maps");

/* Where UDP starts in an IP packet; 0 if there is none. */
static inline __u32 udp_start(struct __sk_buff *skb)
{
	__u8 ip[10];

	if (bpf_skb_load_bytes(skb, 0, ip, sizeof(ip)))
		return 0;
	if (ip[0] >> 4 == 4)
		return ip[9] == IPPROTO_UDP ? (ip[0] & 15) * 4 : 0;
	return ip[6] == IPPROTO_UDP ? 40 : 0;
}

/* The length of a name at an offset, with its last 0; 0 if it is longer than NAME. Uses the buffer. */
static inline __u32 name_length(struct __sk_buff *skb, __u32 offset, __u32 size, __u8 *buffer)
{
	__u64 label, end = 0;		/* 64 bits: the verifier follows a comparison of these */

	if (size > NAME)
		size = NAME;
	if (size < SHORTEST || bpf_skb_load_bytes(skb, offset, buffer, size))
		return 0;
	for (label = 0; label < NAME / 2 && end < NAME; label++) {
		if (!buffer[end])
			return end + 1;
		end += buffer[end] + 1;
	}
	return 0;
}

/* Reads the question at an offset; returns where the records begin, or 0. */
static inline __u32 read_question(struct __sk_buff *skb, __u32 offset, __u32 size, struct question *to)
{
	__u32 length = name_length(skb, offset, size, to->name);
	__be16 type;

	__builtin_memset(to->name, 0, NAME);
	if (length < 2 || length > NAME || bpf_skb_load_bytes(skb, offset, to->name, length) ||
	    bpf_skb_load_bytes(skb, offset + length, &type, sizeof(type)))
		return 0;
	to->type = bpf_ntohs(type);
	return offset + length + 4;
}

static inline void note_refused(struct question *asked)
{
	__u64 now = bpf_ktime_get_boot_ns();
	struct tries *old, new = { 1, now, now };

	old = bpf_map_lookup_elem(&galaf_refused, asked);
	if (!old) {
		bpf_map_update_elem(&galaf_refused, asked, &new, BPF_NOEXIST);
		return;
	}
	__sync_fetch_and_add(&old->count, 1);
	old->last_ns = now;
}

static inline void note_addresses(struct __sk_buff *skb, __u32 offset, __u32 number, struct question *asked)
{
	struct record record;
	__u32 i;

	for (i = 0; i < RECORDS && i < number; i++) {
		struct owner owner = { asked->mark, { 0, 0, bpf_htonl(0xffff), 0 } };

		if (bpf_skb_load_bytes(skb, offset, &record, sizeof(record)) || record.owner[0] < 0xc0)
			return;
		offset += sizeof(record);
		if (record.type == bpf_htons(TYPE_A) && !bpf_skb_load_bytes(skb, offset, &owner.address[3], 4))
			bpf_map_update_elem(&galaf_resolved, &owner, asked, BPF_ANY);
		if (record.type == bpf_htons(TYPE_AAAA) && !bpf_skb_load_bytes(skb, offset, owner.address, 16))
			bpf_map_update_elem(&galaf_resolved, &owner, asked, BPF_ANY);
		offset += bpf_ntohs(record.length);
	}
}

static inline void note(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk ? bpf_sk_fullsock(skb->sk) : 0;
	__u32 offset = udp_start(skb);
	struct question asked = {};
	struct head head;

	if (!sk || !offset || bpf_skb_load_bytes(skb, offset, &head, sizeof(head)) ||
	    head.source_port != bpf_htons(53) || head.questions != bpf_htons(1))
		return;
	offset += sizeof(head);
	asked.mark = sk->mark;
	offset = read_question(skb, offset, bpf_ntohs(head.length) - sizeof(head), &asked);
	if (!offset)
		return;
	if ((bpf_ntohs(head.flags) & 15) == REFUSED)
		note_refused(&asked);
	else
		note_addresses(skb, offset, bpf_ntohs(head.answers), &asked);
}

SEC("cgroup_skb/ingress")
int galaf_answers(struct __sk_buff *skb)
{
	if (skb->ifindex == LOOPBACK)
		note(skb);
	return 1;
}

char _license[] SEC("license") = "GPL";
