/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who asks, and what that one may launch.  The default is no. */
#define _GNU_SOURCE
#include "galaf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <unistd.h>

bool is_application(gid_t gid)
{
    return gid >= GID_FIRST && gid <= GID_LAST;
}

/* Reads the ids of this process, which are those of whoever started it. */
void caller_identify(struct caller *caller)
{
    gid_t own[OWN_GIDS];
    int count = getgroups(0, NULL);
    caller->uid = getuid();
    caller->gids = count < 0 ? NULL : malloc(sizeof own + count * sizeof *caller->gids);
    if (!caller->gids || getgroups(count, caller->gids + OWN_GIDS) != count ||
        getresgid(&own[0], &own[1], &own[2]) != 0)
        refuse(OWN_FAILURE, "cannot read who is calling: %s", strerror(errno));
    own[3] = setfsgid(-1);      /* only reads: see setfsgid(2) */
    memcpy(caller->gids, own, sizeof own);
    caller->count = OWN_GIDS + count;
}

/* Whether a list such as "1000,%27" names this id, with that sign before it. */
static bool lists(const char *list, const char *sign, unsigned id)
{
    char wanted[16];
    size_t length = snprintf(wanted, sizeof wanted, "%s%u", sign, id);
    for (;;) {
        size_t found = strcspn(list, ",");
        if (found == length && memcmp(list, wanted, length) == 0)
            return true;
        if (list[found] == '\0')
            return false;
        list += found + 1;
    }
}

/* Whether the entry's users= holds the caller, or a group that the caller is in. */
bool may_launch(const struct caller *caller, const struct entry *entry)
{
    if (!entry->users || lists(entry->users, "", caller->uid))
        return true;
    for (size_t i = 0; i < caller->count; i++)
        if (lists(entry->users, "%", caller->gids[i]))
            return true;
    return false;
}

/* The application group that the caller is in and from which the entry doesn't take it; 0: none. */
gid_t held_by(const struct caller *caller, const struct entry *entry)
{
    for (size_t i = 0; i < caller->count; i++) {
        gid_t gid = caller->gids[i];
        if (is_application(gid) && gid != entry->gid && !(entry->from && lists(entry->from, "", gid)))
            return gid;
    }
    return 0;
}

/* Whether the caller is in an application group that isn't the entry's. */
bool in_another(const struct caller *caller, const struct entry *entry)
{
    for (size_t i = 0; i < caller->count; i++)
        if (is_application(caller->gids[i]) && caller->gids[i] != entry->gid)
            return true;
    return false;
}
