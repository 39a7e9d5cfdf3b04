/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Run at build time: prints, as C, the two seccomp filters that an application is put behind,
 * for the target's architecture and the 32-bit one beside it.  Through any other ABI no system call
 * exists (ENOSYS).
 *
 * No file becomes set-gid and its group's behind them, whoever prepared it.  A file is set-gid
 * by a mode that is given to a system call, what systemd.exec(5) calls RestrictSUIDSGID=.  It
 * comes to the group by being made, by the group of its folder if that is set-gid, or by a
 * change of group, which leaves the bit where the group may not execute (chown(2)), and on a
 * folder always; an access control list may then let the group execute it.  So both filters
 * refuse the modes and the change to an application's group.
 *
 * One of them also refuses to make or join a user namespace, RestrictNamespaces=.  The other
 * refuses every change of group, as a namespace may number the group as it likes. */
#define _GNU_SOURCE
#include "galaf.h"

#include <err.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "target_values.h"      /* what the target's compiler made of target.h */

/* fchmodat2's mode is in the low half of an argument. */
#define FCHMODAT2_MODE (offsetof(struct seccomp_data, args[2]) + LOW_HALF)

static const struct { const char *name; unsigned mode; } with_mode[] = {
    { "chmod", 1 }, { "fchmod", 1 }, { "fchmodat", 2 }, { "creat", 1 },
    { "mkdir", 1 }, { "mkdirat", 2 }, { "mknod", 1 }, { "mknodat", 2 },
};
static const struct { const char *name; unsigned flags; } with_flags[] = { { "open", 1 }, { "openat", 2 } };
static const struct { const char *name; unsigned gid; bool old; } with_group[] = {
    { "chown", 2, true }, { "fchown", 2, true }, { "lchown", 2, true }, { "fchownat", 3, false },
    { "chown32", 2, false }, { "fchown32", 2, false }, { "lchown32", 2, false },
};

/* A filter can't see what these point to; programs fall back to others, as from clone3 below. */
static const char *const hidden[] = { "openat2", "io_uring_setup", "io_uring_enter", "io_uring_register" };

static const unsigned bits[] = { S_ISUID, S_ISGID };

#define EACH(i, array) for (size_t i = 0; i < sizeof array / sizeof *array; i++)

static struct scmp_arg_cmp has(unsigned argument, unsigned bit)
{
    return SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, bit, bit);
}

/* Adds a rule; a system call that this architecture hasn't needs none. */
static void add(scmp_filter_ctx filter, int error, const char *name, unsigned count, const struct scmp_arg_cmp *matches)
{
    int result = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(error), seccomp_syscall_resolve_name(name), count,
                                        matches);
    if (result != 0)
        errx(1, "%s: %s", name, strerror(-result));
}

static void add_rules(scmp_filter_ctx filter)
{
    EACH(b, bits) {
        EACH(i, with_mode)
            add(filter, EPERM, with_mode[i].name, 1, (struct scmp_arg_cmp[]){ has(with_mode[i].mode, bits[b]) });
        EACH(i, with_flags) {
            unsigned flags = with_flags[i].flags;
            add(filter, EPERM, with_flags[i].name, 2,
                (struct scmp_arg_cmp[]){ has(flags, CREATE), has(flags + 1, bits[b]) });
            add(filter, EPERM, with_flags[i].name, 2,
                (struct scmp_arg_cmp[]){ has(flags, TMPFILE), has(flags + 1, bits[b]) });
        }
    }
    EACH(i, hidden)
        add(filter, ENOSYS, hidden[i], 0, NULL);
}

/* Refuses to change a file's group to an application's: each rule is for an aligned block of them.
 * old_calls: whether calls of these names look at 16 bits of a gid alone, as those of x86 and arm do. */
static void add_group_rules(scmp_filter_ctx filter, bool old_calls)
{
    for (unsigned first = GID_FIRST, size; first <= GID_LAST; first += size) {
        for (size = first & -first; first + size - 1 > GID_LAST; size /= 2)
            ;
        EACH(i, with_group) {
            unsigned mask = old_calls && with_group[i].old ? 0xffff : 0xffffffff;
            add(filter, EPERM, with_group[i].name, 1, (struct scmp_arg_cmp[]){
                SCMP_CMP(with_group[i].gid, SCMP_CMP_MASKED_EQ, mask & -size, first) });
        }
    }
}

/* setns takes a namespace of any kind where it is asked for kind 0, of which it looks at 32 bits. */
static void add_namespace_rules(scmp_filter_ctx filter)
{
    add(filter, EPERM, "clone", 1, (struct scmp_arg_cmp[]){ has(CLONE_FLAGS, CLONE_NEWUSER) });
    add(filter, EPERM, "unshare", 1, (struct scmp_arg_cmp[]){ has(0, CLONE_NEWUSER) });
    add(filter, EPERM, "setns", 1, (struct scmp_arg_cmp[]){ has(1, CLONE_NEWUSER) });
    add(filter, EPERM, "setns", 1, (struct scmp_arg_cmp[]){ SCMP_CMP(1, SCMP_CMP_MASKED_EQ, 0xffffffff, 0) });
    add(filter, ENOSYS, "clone3", 0, NULL);
}

/* Makes the filter of one architecture, whatever this machine's is. */
static scmp_filter_ctx make_one(const char *architecture, bool user_namespaces)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    uint32_t wanted = seccomp_arch_resolve_name(architecture);
    bool native = wanted == seccomp_arch_native();
    if (!filter || wanted == 0 ||
        (!native && (seccomp_arch_add(filter, wanted) != 0 || seccomp_arch_remove(filter, SCMP_ARCH_NATIVE) != 0)) ||
        seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS)) != 0 ||
        seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2) != 0)
        errx(1, "libseccomp cannot make a filter for %s (on a machine of the same byte order)", architecture);
    add_rules(filter);
    if (user_namespaces) {
        EACH(i, with_group)
            add(filter, EPERM, with_group[i].name, 0, NULL);
    } else {
        add_group_rules(filter, wanted == SCMP_ARCH_X86 || wanted == SCMP_ARCH_ARM);
        add_namespace_rules(filter);
    }
    return filter;
}

static scmp_filter_ctx make(bool user_namespaces)
{
    scmp_filter_ctx filter = make_one(architectures[0], user_namespaces);
    for (size_t i = 1; i < sizeof architectures / sizeof *architectures; i++)
        if (seccomp_merge(filter, make_one(architectures[i], user_namespaces)) != 0)
            errx(1, "libseccomp cannot add the filter for %s", architectures[i]);
    return filter;
}

static void print(const struct sock_filter *instruction)
{
    printf("    { %#x, %u, %u, %#x },\n", instruction->code, instruction->jt, instruction->jf, instruction->k);
}

/* Prints a filter as an array of that name. */
static void print_filter(const char *name, scmp_filter_ctx filter)
{
    const struct sock_filter first[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FCHMODAT2, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FCHMODAT2_MODE),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, S_ISUID | S_ISGID, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SCMP_ACT_ERRNO(EPERM)),
    };
    struct sock_filter instruction;
    int fd = memfd_create("filter", 0);
    if (fd < 0 || seccomp_export_bpf(filter, fd) != 0 || lseek(fd, 0, SEEK_SET) != 0)
        err(1, "libseccomp cannot write the filter");
    printf("static struct sock_filter %s[] = {\n", name);
    EACH(i, first)
        print(&first[i]);
    while (read(fd, &instruction, sizeof instruction) == sizeof instruction)
        print(&instruction);
    puts("};");
}

int main(void)
{
    puts("/* SPDX-License-Identifier: GPL-3.0-or-later */\n/* Made by filter.c. */");
    print_filter("with_user_namespaces", make(true));
    print_filter("without_user_namespaces", make(false));
    return ferror(stdout) || fflush(stdout) ? 1 : 0;
}
