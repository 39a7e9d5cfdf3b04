// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Keeps a user's other programs out of the user namespaces that an application makes, and it out of theirs.
 *
 * The kernel gives the user who made a namespace every capability in it, in whatever group
 * (security/commoncap.c, cap_capable): enough to join it, and to take the application's group
 * there.  Here only a program of the same group is given that; what a program has by its own
 * capabilities in a namespace above stays the kernel's matter, and so does root.
 * Nor is an application given any in a namespace that others of the user's have made: it could map
 * its group there, which they then take.
 *
 * An application's namespace is one whose maker's gid has low 16 bits from 30000 to 59999, so
 * that it holds in containers too.
 *
 * And nobody comes into an application's group by a set-gid file.  The launcher's filter refuses to
 * make one, and yet the kernel makes one for who has a namespace: overlayfs, in copying a file up, gives
 * it the mode and the group that a file system of the user's own (FUSE) says.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define FIRST 30000
#define LAST 59999
#define LEVELS 33	/* of namespaces in one another: kernel/user_namespace.c */

/* What is used of the kernel's structures; the offsets are found when the program is loaded. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
typedef struct { __u32 val; } kuid_t;
typedef struct { __u32 val; } kgid_t;

struct user_namespace {
	struct user_namespace *parent;
	kuid_t owner;
	kgid_t group;		/* its maker's effective gid, as the initial namespace numbers it */
};

struct cred {
	kgid_t gid;
	kuid_t euid;
	kgid_t egid;
	struct user_namespace *user_ns;
};

struct linux_binprm {
	struct cred *cred;	/* what the program will have */
};
#pragma clang attribute pop

static inline int is_application(__u32 gid)
{
	return (gid & 0xffff) >= FIRST && (gid & 0xffff) <= LAST;
}

/* Whether these credentials, of the namespace above, have only their uid to show in this one. */
static inline int is_foreign(const struct cred *cred, const struct user_namespace *ns)
{
	return (is_application(ns->group.val) || is_application(cred->egid.val)) &&
	       cred->egid.val != ns->group.val && cred->euid.val && cred->euid.val == ns->owner.val;
}

/* Called before the kernel's own check of a capability; 0 refuses it. */
SEC("lsm_cgroup/capable")
int BPF_PROG(galaf_capable, const struct cred *cred, struct user_namespace *ns)
{
	struct user_namespace *above;
	int level;

	for (level = 0; level < LEVELS && ns != cred->user_ns; level++) {
		above = ns->parent;
		if (!above)
			return 1;
		if (above == cred->user_ns)
			return !is_foreign(cred, ns);
		ns = above;
	}
	return 1;
}

/* Called once a file that is executed has given its group; 0 refuses to execute it.  Without the bit both are the caller's. */
SEC("lsm_cgroup/bprm_creds_from_file")
int BPF_PROG(galaf_set_gid, struct linux_binprm *bprm)
{
	__u32 gid = bprm->cred->egid.val;

	return gid < FIRST || gid > LAST || gid == bprm->cred->gid.val;
}

char _license[] SEC("license") = "GPL";
