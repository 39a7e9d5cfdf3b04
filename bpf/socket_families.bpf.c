// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Leaves a program that is not root only the kinds of socket whose way out something watches.
 *
 * The kernel makes a socket of nearly any address family for whoever asks, and loads a module for
 * it: PPPoE's sends Ethernet frames, SMC's memory over an Ethernet of its own kind, others reach a
 * modem, a car or the host of a virtual machine.  nftables sees none of that.  RxRPC's packets it
 * sees, and takes them for the kernel's.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

/* linux/socket.h, linux/in.h */
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define AF_KEY 15
#define AF_NETLINK 16
#define AF_PACKET 17
#define AF_BLUETOOTH 31
#define AF_ALG 38
#define AF_XDP 44
#define AF_SMC 43
#define AF_MAX 46
#define IPPROTO_SMC 256

/* What is used of the kernel's structures; the offsets are found when the program is loaded. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
typedef struct { __u32 val; } kuid_t;

struct cred {
	kuid_t euid;		/* as the initial user namespace numbers it */
};

struct task_struct {
	const struct cred *cred;
};
#pragma clang attribute pop

/* The families that "socket_families" names have 1; galaf_mark writes it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, AF_MAX);
	__type(key, __u32);
	__type(value, __u8);
} galaf_open SEC(".maps");

static inline int is_listed(__u32 family)
{
	__u8 *listed = bpf_map_lookup_elem(&galaf_open, &family);

	return listed && *listed;
}

static inline int is_open(int family, int protocol)
{
	switch (family) {
	case AF_INET:
	case AF_INET6:
		return protocol != IPPROTO_SMC || is_listed(AF_SMC);	/* since Linux 6.11 */
	case AF_UNIX:					/* these stay in the machine */
	case AF_NETLINK:
	case AF_ALG:
	case AF_KEY:					/* these want a capability */
	case AF_PACKET:
	case AF_XDP:
	case AF_BLUETOOTH:				/* headsets are the desktop's own matter */
		return 1;
	}
	return is_listed(family);
}

/* Called before the kernel looks for the family's module; 0 refuses the socket. */
SEC("lsm_cgroup/socket_create")
int BPF_PROG(galaf_families, int family, int type, int protocol, int kern)
{
	return kern || is_open(family, protocol) || !bpf_get_current_task_btf()->cred->euid.val;
}

char _license[] SEC("license") = "GPL";
