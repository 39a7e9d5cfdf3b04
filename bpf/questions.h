/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lets nothing but plain questions reach the name server that judges names (RFC 1035, 4.1): one question, whose name
 * is written in full, and beside it at most an OPT record (RFC 6891) with the options that stub resolvers send.
 *
 * dnsmasq reads a name through its pointers, and hands on the bytes: what follows from this is that the next name
 * server reads the same name in them, and nothing else.  The rules tell by a packet's priority that it is for
 * dnsmasq, and give it the mark by which dnsmasq judges it (queries_in).
 *
 * A datagram is one message.  Over TCP messages follow each other, each with its length before it.  A segment has to
 * hold whole ones; only the length may come by itself, as some programs send it.  Who sends otherwise gets no answer.
 *
 * dnsmasq's allow-list overlooks a name's last label where all others are as they should be (is_dns_name_matching_pattern
 * in its pattern.c, to 2.91 at least): such a name passes here only if it is listed itself, see listed_names.py.
 */
#ifndef QUESTIONS_H
#define QUESTIONS_H
#include <bpf/bpf_endian.h>
#include <linux/in.h>
#include "current_mark.h"

#define QUESTION 0xffff0000	/* a packet's priority: ruleset.py has it too */

#define FREE_FLAGS 0x0130	/* RD, AD, CD: RFC 1035, 4.1.1, and RFC 4035, 3.1.6 and 3.2.2 */
#define FREE_EDNS_FLAGS 0xc000	/* DO, CO: RFC 3225, RFC 9824 */
#define CLASS_IN 1
#define CLASS_CHAOS 3
#define TYPE_OPT 41
#define LONGEST_NAME 255	/* with its lengths: RFC 1035, 3.1 */
#define LONGEST_LABEL 63
#define OPTIONS 8
#define LONGEST_PADDING 512
#define MESSAGES 16		/* in one segment */
#define TCP_LISTEN 10		/* net/tcp_states.h */

/* RFC 5001, 7871, 7873, 7828, 7830 */
enum { OPTION_NSID = 3, OPTION_SUBNET = 8, OPTION_COOKIE = 10, OPTION_KEEPALIVE = 11, OPTION_PADDING = 12 };

#define LISTED 64		/* bytes of a name's end */

/* What is known of an owner's names: WHOLE, as on the wire in lower case; STEM, without the last label and the end. */
enum { WHOLE, STEM };
struct listed {
	__u32 owner;		/* the half of a mark that an entry has; the other half is 0 */
	__u32 kind;
	__u8 name[LISTED];	/* then zeros; WHOLE and no name: any */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 20);
	__uint(key_size, sizeof(struct listed));
	__uint(value_size, 1);
} galaf_names SEC(".maps");

struct message {
	__be16 id, flags, questions, answers, authorities, additional;
};

struct opt {			/* all of an OPT record but its options */
	__u8 owner;
	__be16 type, size;
	__u8 rcode, version;
	__be16 flags, length;
} __attribute__((packed));

struct option {
	__be16 code, length;
};

struct segment {		/* the head of one of TCP's */
	__be16 source_port, port;
	__be32 sequence, acknowledged;
	__u8 words, flags;	/* words: the head's length in its upper half */
};

enum { SYN = 0x02, URG = 0x20 };

/* How far a connection's bytes have been read, as one word: two processors may read at once. */
union stream {
	struct {
		__u32 next;	/* the sequence number of the next byte */
		__u32 due;	/* bytes of the message that begins there; 0: its length comes first */
	};
	__u64 word;
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, union stream);
} galaf_streams SEC(".maps");

/* Where the transport protocol starts in an IP packet without other headers; 0 if it is not this one. */
static __always_inline __u32 transport_start(struct __sk_buff *skb, __u8 protocol)
{
	__u8 ip[10];

	if (bpf_skb_load_bytes(skb, 0, ip, sizeof(ip)))
		return 0;
	if (ip[0] >> 4 == 4)
		return ip[9] == protocol ? (ip[0] & 15) * 4 : 0;
	return ip[6] == protocol ? 40 : 0;
}

/* Where a name ends that is written without pointers, and its last label is; 0 if it is not, or goes beyond an end. */
static __always_inline __u32 name_end(struct __sk_buff *skb, __u32 offset, __u32 end, __u32 *last)
{
	__u32 i, start = offset;
	__u8 label;

	*last = offset;

	for (i = 0; i <= LONGEST_NAME / 2; i++) {
		if (offset >= end || offset - start >= LONGEST_NAME || bpf_skb_load_bytes(skb, offset, &label, 1) ||
		    label > LONGEST_LABEL)
			return 0;
		if (!label)
			return offset + 1;
		*last = offset;
		offset += label + 1;
	}
	return 0;
}

/* Whether so many bytes of a name are listed for one of the two whom a packet's mark names.  Not static, as those below:
 * the kernel checks each once. */
__attribute__((noinline)) int listed(struct __sk_buff *skb, __u32 offset, __u32 length, __u32 kind)
{
	struct listed key = { .kind = kind };
	__u64 i, less = length - 1;

	if (less >= LISTED)
		return 0;
	barrier_var(less);		/* or the compiler would leave out what the verifier of Linux 6.1 needs: */
	less &= LISTED - 1;
	if (bpf_skb_load_bytes(skb, offset, key.name, less + 1))
		return 0;
	for (i = 0; i < LISTED; i++)
		if (key.name[i] >= 'A' && key.name[i] <= 'Z')	/* no label's length: that is below */
			key.name[i] |= 'a' - 'A';
	key.owner = skb->mark & 0xffff0000;
	if (bpf_map_lookup_elem(&galaf_names, &key))
		return 1;
	key.owner = skb->mark & 0xffff;
	return !!bpf_map_lookup_elem(&galaf_names, &key);
}

/* Whether a name is one that dnsmasq would let pass for its last label alone; last: where that is. */
__attribute__((noinline)) int overlooked(struct __sk_buff *skb, __u32 offset, __u32 last, __u32 end)
{
	__u32 i, found = 0;
	__u8 label;

	for (i = 0; i <= LONGEST_NAME / 2 && offset < end; i++) {
		if (listed(skb, offset, end - offset, WHOLE))
			return 0;
		if (offset < last && listed(skb, offset, last - offset, STEM))
			found = 1;
		if (bpf_skb_load_bytes(skb, offset, &label, 1))
			return 1;
		offset += label + 1;
	}
	return found;
}

/* Whether the bytes from an offset on are zeros. */
__attribute__((noinline)) int zeros(struct __sk_buff *skb, __u32 offset, __u32 length)
{
	__u32 i;
	__u8 byte;

	if (length > LONGEST_PADDING)
		return 0;
	for (i = 0; i < LONGEST_PADDING && i < length; i++)
		if (bpf_skb_load_bytes(skb, offset + i, &byte, 1) || byte)
			return 0;
	return 1;
}

static __always_inline int plain_option(struct __sk_buff *skb, __u16 code, __u32 offset, __u32 length)
{
	switch (code) {
	case OPTION_NSID:
	case OPTION_KEEPALIVE:
		return !length;
	case OPTION_SUBNET:
		return length >= 4 && length <= 20;
	case OPTION_COOKIE:
		return length == 8 || (length >= 16 && length <= 40);
	case OPTION_PADDING:
		return zeros(skb, offset, length);
	}
	return 0;
}

/* Whether there is an OPT record, and nothing else, from an offset to an end; each option once. */
__attribute__((noinline)) int plain_opt(struct __sk_buff *skb, __u32 offset, __u32 end)
{
	struct option option;
	__u32 i, seen = 0;
	struct opt opt;

	if (bpf_skb_load_bytes(skb, offset, &opt, sizeof(opt)) || opt.owner || opt.type != bpf_htons(TYPE_OPT) ||
	    opt.rcode || opt.version || bpf_ntohs(opt.flags) & ~FREE_EDNS_FLAGS)
		return 0;
	offset += sizeof(opt);
	if (offset + bpf_ntohs(opt.length) != end)
		return 0;
	for (i = 0; i < OPTIONS && offset < end; i++) {
		__u32 code, length;

		if (bpf_skb_load_bytes(skb, offset, &option, sizeof(option)))
			return 0;
		code = bpf_ntohs(option.code);
		length = bpf_ntohs(option.length);
		offset += sizeof(option);
		if (!plain_option(skb, code, offset, length) || seen >> (code & 31) & 1)
			return 0;
		seen |= 1U << (code & 31);	/* each code here is below 32 */
		offset += length;
	}
	return offset == end;
}

/* Whether a message, from an offset to an end, is a plain question. */
__attribute__((noinline)) int plain_question(struct __sk_buff *skb, __u32 offset, __u32 end)
{
	struct message head;
	__be16 asked[2];	/* type, class */
	__u32 start = offset + sizeof(head), last;

	if (bpf_skb_load_bytes(skb, offset, &head, sizeof(head)) || bpf_ntohs(head.flags) & ~FREE_FLAGS ||
	    head.questions != bpf_htons(1) || head.answers || head.authorities ||
	    (head.additional && head.additional != bpf_htons(1)))
		return 0;
	offset = name_end(skb, start, end, &last);
	if (!offset || overlooked(skb, start, last, offset) || bpf_skb_load_bytes(skb, offset, asked, sizeof(asked)) ||
	    (asked[1] != bpf_htons(CLASS_IN) && asked[1] != bpf_htons(CLASS_CHAOS)))
		return 0;
	offset += sizeof(asked);
	return head.additional ? plain_opt(skb, offset, end) : offset == end;
}

/* Whether a segment's bytes, from an offset to the packet's end, go on as they should; takes *at there. */
static __always_inline int plain_messages(struct __sk_buff *skb, __u32 offset, union stream *at)
{
	__u32 i, start = offset, end = skb->len;
	__be16 length;

	for (i = 0; i < MESSAGES && offset < end; i++) {
		if (!at->due) {
			if (bpf_skb_load_bytes(skb, offset, &length, sizeof(length)) || !length)
				return 0;
			at->due = bpf_ntohs(length);
			offset += sizeof(length);
			if (offset == end)
				break;
		}
		if (!plain_question(skb, offset, offset + at->due))
			return 0;
		offset += at->due;
		at->due = 0;
	}
	at->next += offset - start;
	return offset == end;
}

/* What has come before may come again: sequence numbers say what is new.  What came too early comes again too. */
static __always_inline int plain_stream(struct __sk_buff *skb, struct bpf_sock *sk, __u32 sequence, __u32 offset)
{
	struct bpf_tcp_sock *tcp = bpf_tcp_sock(sk);
	union stream at = {}, *kept;
	__u32 old;

	if (!tcp)
		return 0;
	if (sk->state == TCP_LISTEN)	/* data with the end of the handshake: no connection yet that could keep a length */
		return plain_messages(skb, offset, &at) && !at.due;
	at.next = tcp->rcv_nxt;
	kept = bpf_sk_storage_get(&galaf_streams, sk, &at, BPF_SK_STORAGE_GET_F_CREATE);
	if (!kept)
		return 0;
	at.word = *(volatile __u64 *)&kept->word;
	old = at.next - sequence;
	if (old >= skb->len - offset)
		return (__s32)old >= 0;
	if (!plain_messages(skb, offset + old, &at))
		return 0;
	*(volatile __u64 *)&kept->word = at.word;
	return 1;
}

/* An urgent byte is taken out of what dnsmasq reads. */
static __always_inline int plain_segment(struct __sk_buff *skb, struct bpf_sock *sk, __u32 offset)
{
	struct segment head;

	if (!sk || bpf_skb_load_bytes(skb, offset, &head, sizeof(head)) || head.flags & URG)
		return 0;
	offset += (head.words >> 4) * 4;
	if (offset >= skb->len)
		return 1;
	return !(head.flags & SYN) && plain_stream(skb, sk, bpf_ntohl(head.sequence), offset);
}

/* Whether what a packet says to dnsmasq is a plain question, or nothing. */
static __always_inline int asks_plainly(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk ? bpf_sk_fullsock(skb->sk) : 0;
	__u32 offset = transport_start(skb, IPPROTO_UDP);

	if (offset)
		return plain_question(skb, offset + 8, skb->len);
	offset = transport_start(skb, IPPROTO_TCP);
	return offset && plain_segment(skb, sk, offset);
}
#endif
