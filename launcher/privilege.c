/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The only part that uses the capability: into the group, then out of all privilege. */
#define _GNU_SOURCE
#include "galaf.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "filter.h"     /* made by filter.c */

/* Says why the kernel didn't change the groups, and how to fix it. */
static _Noreturn void cannot_enter(const char *name, gid_t gid)
{
    if (errno == EINVAL)
        refuse(OWN_FAILURE, "%s: gid %u does not exist in this user namespace: start it outside of the container",
               name, gid);
    if (errno == EPERM && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
        refuse(OWN_FAILURE, "%s: no_new_privs is set, so that the kernel gives no capability: start it outside of "
               "the sandbox or application that set it (galaf sets it unless an entry says \"no_new_privs\": false)",
               name);
    if (errno == EPERM)
        refuse(OWN_FAILURE, "%s: /usr/bin/galaf has not the capability cap_setgid: run sudo dpkg-reconfigure galaf "
               "(a copy has none, nor has galaf under strace or on a file system mounted nosuid)", name);
    refuse(OWN_FAILURE, "%s: cannot change to group %u: %s", name, gid, strerror(errno));
}

/* Leaves the supplementary groups that are application groups; the others stay.  The kernel
 * is not asked where there are none, as a program of the group may start its own again. */
static bool leave_supplementary(struct caller *caller)
{
    gid_t *groups = caller->gids + OWN_GIDS;
    size_t kept = 0, count = caller->count - OWN_GIDS;
    for (size_t i = 0; i < count; i++)
        if (!is_application(groups[i]))
            groups[kept++] = groups[i];
    return kept == count || setgroups(kept, groups) == 0;
}

/* Whether all four gids of this process are this one.  setfsgid(-1) only reads. */
static bool is_in(gid_t gid)
{
    gid_t real, effective, saved;
    return getresgid(&real, &effective, &saved) == 0 && real == gid && effective == gid && saved == gid &&
           (gid_t)setfsgid(-1) == gid;
}

/* Makes the application group the real, effective, saved and file system group. */
void enter_group(struct caller *caller, const char *name, gid_t gid)
{
    if (!leave_supplementary(caller) || setresgid(gid, gid, gid) != 0)
        cannot_enter(name, gid);
    if (!is_in(gid))
        refuse(OWN_FAILURE, "%s: the kernel did not change to group %u", name, gid);
}

/* Gives up every capability, the inheritable ones too, and with them the ambient ones
 * (capabilities(7)), so that the application starts with none. */
void drop_capabilities(const char *name)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 }, left[_LINUX_CAPABILITY_U32S_3];
    if (syscall(SYS_capset, &header, none) != 0 || syscall(SYS_capget, &header, left) != 0)
        refuse(OWN_FAILURE, "%s: cannot drop the capabilities: %s", name, strerror(errno));
    if (memcmp(none, left, sizeof none) != 0)
        refuse(OWN_FAILURE, "%s: the kernel did not drop the capabilities", name);
}

/* Keeps the application and its children from making set-uid and set-gid files, which would
 * hand the group to whoever runs them, and unless it may, from making user namespaces, which
 * the user's other programs could join. */
void set_filter(const char *name, bool user_namespaces)
{
    struct sock_fprog program = { sizeof without_user_namespaces / sizeof *without_user_namespaces,
                                  without_user_namespaces };
    if (user_namespaces)
        program = (struct sock_fprog){ sizeof with_user_namespaces / sizeof *with_user_namespaces,
                                       with_user_namespaces };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        refuse(OWN_FAILURE, "%s: cannot set the filter of system calls: %s", name, strerror(errno));
}
