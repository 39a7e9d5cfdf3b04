/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Remembers what the name server on this machine answers to each program: which name an
 * address was resolved from, and which names were refused.  It looks at UDP from port 53
 * on the loopback interface as the program's socket receives it, and only watches.
 * lib/galaf/observe/answers.py reads the maps.
 *
 * Only a socket counts that asked, in the network namespace where galaf_mark ran: in one of his
 * own any user has port 53.  Nothing of it is written to a disk.  An answer is read as dnsmasq
 * writes it (RFC 1035, 4.1): one question; each record's owner is a pointer; names of more than
 * NAME - 1 bytes and records after the RECORDS-th are left out.
 */
#include "questions.h"
#include "share.h"

#define ANSWER 0xffff0001	/* a packet's priority: lib/galaf/render/discovery.py has it too */
#define LOOPBACK 1	/* the interface's index, in every network namespace */
#define DNS 53
#define NAME 128
#define SHORTEST 5	/* of a question: the root, a type and a class */
#define RECORDS 24
#define TYPE_A 1
#define TYPE_AAAA 28
#define REFUSED 5
#define RESOLVED_SHARE 256
#define REFUSED_SHARE 128

struct asking {
	__u8 comm[16];		/* of the program that asked, as in struct seen */
};

struct question {
	__u16 type;
	__u16 unused;
	__u8 name[NAME];	/* labels as on the wire, then zeros */
};

struct answer {
	struct tries tries;	/* 192 bytes in all: the stack of an eBPF program has 512 */
	__u32 address[4];	/* as on the wire; IPv4 as ::ffff:a.b.c.d; zeros where the name was refused */
	struct question asked;
	__u8 comm[16];
	__u32 unused;
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
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct asking);
} galaf_asking SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 64 * RESOLVED_SHARE);
	__uint(key_size, sizeof(struct place));		/* no types: bpftool would print all of it twice */
	__uint(value_size, sizeof(struct answer));
} galaf_resolved SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 64 * REFUSED_SHARE);
	__uint(key_size, sizeof(struct place));
	__uint(value_size, sizeof(struct answer));
} galaf_refused SEC(".maps");

/* Queries refused to a mark for names that had to make room for others. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u64));
} galaf_left_out SEC(".maps");

/* The length of a name at an offset, with its last 0; 0 if it is longer than NAME. Uses the buffer. */
static __always_inline __u32 name_length(struct __sk_buff *skb, __u32 offset, __u32 size, __u8 *buffer)
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
static __always_inline __u32 read_question(struct __sk_buff *skb, __u32 offset, __u32 size, struct question *to)
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

/* Counts the queries of a name that makes room for another. */
static __always_inline void leave_out(struct place *place)
{
	struct answer *old = bpf_map_lookup_elem(&galaf_refused, place);
	__u64 *sum, count;

	if (!old)
		return;
	count = old->tries.count;
	sum = bpf_map_lookup_elem(&galaf_left_out, &place->mark);
	if (sum)
		__sync_fetch_and_add(sum, count);
	else
		bpf_map_update_elem(&galaf_left_out, &place->mark, &count, BPF_NOEXIST);
}

static __always_inline void note_refused(struct place *place, struct answer *new)
{
	if (find(&galaf_refused, REFUSED_SHARE, place, __builtin_offsetof(struct answer, asked), &new->asked,
		 sizeof(new->asked) / 4))
		return;
	leave_out(place);
	bpf_map_update_elem(&galaf_refused, place, new, BPF_ANY);
}

/* The last name of an address is the one that counts. */
static __always_inline void note_address(struct place *place, struct answer *new)
{
	find(&galaf_resolved, RESOLVED_SHARE, place, __builtin_offsetof(struct answer, address), new->address, 4);
	bpf_map_update_elem(&galaf_resolved, place, new, BPF_ANY);
}

static __always_inline void note_addresses(struct __sk_buff *skb, __u32 offset, __u32 number, struct place *place,
				  struct answer *new)
{
	struct record record;
	__u32 i;

	for (i = 0; i < RECORDS && i < number; i++) {
		if (bpf_skb_load_bytes(skb, offset, &record, sizeof(record)) || record.owner[0] < 0xc0)
			return;
		offset += sizeof(record);
		new->address[0] = new->address[1] = 0;
		new->address[2] = bpf_htonl(0xffff);
		if ((record.type == bpf_htons(TYPE_A) && !bpf_skb_load_bytes(skb, offset, &new->address[3], 4)) ||
		    (record.type == bpf_htons(TYPE_AAAA) && !bpf_skb_load_bytes(skb, offset, new->address, 16)))
			note_address(place, new);
		offset += bpf_ntohs(record.length);
	}
}

static __always_inline void note(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk ? bpf_sk_fullsock(skb->sk) : 0;
	struct asking *asking = sk ? bpf_sk_storage_get(&galaf_asking, sk, 0, 0) : 0;
	__u32 offset = transport_start(skb, IPPROTO_UDP);
	struct answer new = {};
	struct place place = {};
	struct head head;

	if (!asking || !offset || bpf_skb_load_bytes(skb, offset, &head, sizeof(head)) ||
	    head.source_port != bpf_htons(DNS) || head.questions != bpf_htons(1))
		return;
	offset += sizeof(head);
	place.mark = sk->mark;
	new.tries.count = 1;
	new.tries.first_ns = new.tries.last_ns = bpf_ktime_get_boot_ns();
	__builtin_memcpy(new.comm, asking->comm, sizeof(new.comm));
	offset = read_question(skb, offset, bpf_ntohs(head.length) - sizeof(head), &new.asked);
	if (!offset)
		return;
	if ((bpf_ntohs(head.flags) & 15) == REFUSED)
		note_refused(&place, &new);
	else
		note_addresses(skb, offset, bpf_ntohs(head.answers), &place, &new);
}

/* What answers a question to the whole link is for who asked: others may share the port, and hear multicast. */
static __always_inline int is_for(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk ? bpf_sk_fullsock(skb->sk) : 0;

	return sk && sk->mark == skb->mark;
}

SEC("cgroup_skb/ingress")
int galaf_answers(struct __sk_buff *skb)
{
	if (skb->priority == ANSWER)
		return is_for(skb);
	if (skb->ifindex != LOOPBACK)
		return 1;
	if (skb->priority == QUESTION)
		return !!asks_plainly(skb);
	note(skb);
	return 1;
}
