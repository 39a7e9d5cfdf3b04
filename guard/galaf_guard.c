/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * galaf_guard: loads galaf's table again when another program has removed it.
 *
 * /run/galaf/in-force.nft is there while rules are wanted: galaf_firewall and galaf_config
 * write it after they have loaded rules, and take it away before they remove them.  Its first
 * line, "create table inet NAME", fails where the table is there, so that loading it can't
 * undo what galaf_config loads at the same moment, and no lock is needed.
 *
 * The kernel tells of every change of nftables (NFNLGRP_NFTABLES).  What it tells is not read:
 * whatever it was, the table is looked up.  So a message that was lost harms nothing either.
 */
#include <err.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define IN_FORCE "/run/galaf/in-force.nft"
#define FIRST_LINE "create table inet %63s"
#define KNOWN_BY "refused_out"      /* a chain of galaf's own tables: KNOWN_BY in lib/galaf/system/nft.py */

extern char **environ;

/* A socket to nftables, a member of these multicast groups (a bit each); ends the program if there is none. */
static int nftables(unsigned groups)
{
    struct sockaddr_nl here = { .nl_family = AF_NETLINK, .nl_groups = groups };
    int found = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    if (found < 0 || bind(found, (struct sockaddr *)&here, sizeof here) != 0)
        err(1, "nftables does not answer");
    return found;
}

/* Waits until something changes.  ENOBUFS: more changed than the socket's buffer holds. */
static void wait_for_change(int changes)
{
    char ignored;
    if (recv(changes, &ignored, 1, 0) < 0 && errno != ENOBUFS && errno != EINTR)
        err(1, "nftables no longer tells what changes");
}

/* Reads the name of the table that is wanted, at most 63 characters; false if none is. */
static bool wanted(char name[64])
{
    FILE *file = fopen(IN_FORCE, "re");
    bool found = file && fscanf(file, FIRST_LINE, name) == 1;
    if (file)
        fclose(file);
    return found;
}

/* Whether the table is in the kernel, and galaf's: NFT_MSG_GETCHAIN, answered by its chain or by an error.
 * Another program may load a table of the same name. */
static bool loaded(const char *name)
{
    struct {
        struct nlmsghdr head;
        struct nfgenmsg family;
        struct nlattr chain_is;
        char chain[(sizeof KNOWN_BY + 3) & ~3];
        struct nlattr table_is;
        char table[64];
    } ask = {
        .head = { .nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETCHAIN, .nlmsg_flags = NLM_F_REQUEST },
        .family = { .nfgen_family = NFPROTO_INET },
        .chain_is = { .nla_len = NLA_HDRLEN + sizeof KNOWN_BY, .nla_type = NFTA_CHAIN_NAME },
        .chain = KNOWN_BY,
        .table_is = { .nla_len = NLA_HDRLEN + strlen(name) + 1, .nla_type = NFTA_CHAIN_TABLE },
    };
    struct nlmsghdr answer = { 0 };
    int table = nftables(0);
    strcpy(ask.table, name);
    ask.head.nlmsg_len = NLMSG_LENGTH(sizeof ask.family) + NLA_ALIGN(ask.chain_is.nla_len) +
                         NLA_ALIGN(ask.table_is.nla_len);
    if (send(table, &ask, ask.head.nlmsg_len, 0) < 0 || recv(table, &answer, sizeof answer, 0) < 0)
        err(1, "nftables does not say what is loaded");
    close(table);
    return answer.nlmsg_type != NLMSG_ERROR;
}

/* Starts a program, argv ending with NULL. */
static pid_t start(char *const argv[])
{
    pid_t child = fork();
    if (child < 0)
        err(1, "cannot start %s", argv[0]);
    if (child == 0) {
        execve(argv[0], argv, environ);
        err(127, "%s", argv[0]);
    }
    return child;
}

/* Runs a program to its end; whether it ended well. */
static bool run(char *const argv[])
{
    int status;
    pid_t child = start(argv);
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            err(1, "cannot wait for %s", argv[0]);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Fills the sets of addresses, which are empty now; it takes seconds, and starts anew when the table went again. */
static void resolve(void)
{
    static pid_t before;
    if (before) {
        kill(before, SIGTERM);
        waitpid(before, NULL, 0);
    }
    before = start((char *[]){ "/usr/sbin/galaf_dns", "resolve", NULL });
}

/* Loads what is active; where that fails galaf_firewall closes the machine and says why. */
static void restore(char *name)
{
    char none[64];
    if (run((char *[]){ "/usr/sbin/nft", "-f", IN_FORCE, NULL })) {
        warnx("the table inet %s was removed by another program, and is loaded again", name);
        resolve();
    } else if (!loaded(name)) {
        run((char *[]){ "/usr/sbin/galaf_firewall", "start", NULL });
    }
    if (!wanted(none))      /* removed by galaf_firewall stop, just now */
        run((char *[]){ "/usr/sbin/nft", "delete", "table", "inet", name, NULL });
}

int main(void)
{
    char name[64];
    int changes = nftables(1 << (NFNLGRP_NFTABLES - 1));
    for (;;) {
        if (wanted(name) && !loaded(name))
            restore(name);
        wait_for_change(changes);
    }
}
