/* SPDX-License-Identifier: GPL-3.0-or-later */
/* galaf GROUP [ARG ...]: starts the command that root configured for an application group, in
 * that group.  It has the file capability cap_setgid, so it trusts nothing of its caller's:
 * no environment variable, no search path, no descriptor.  See galaf(1). */
#define _GNU_SOURCE
#include "galaf.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#ifndef LAUNCH_TABLE
#define LAUNCH_TABLE "/var/lib/galaf/good/launch"
#endif
#define CONFIGURATION "/etc/galaf/galaf_conf.json"
#define FIX "in " CONFIGURATION " and run sudo galaf_config"

static const char usage[] =
    "usage: galaf GROUP [ARG ...]                start a group's command\n"
    "       galaf --list                         what you may start, and the command of each\n"
    "       sudo galaf --test GROUP COMMAND ...  run any command in a group, to try rules out\n"
    "       galaf --help | --version\n"
    "\n"
    "Example: galaf firefox-esr debian.org\n"
    "\n"
    "Exit status: that of the command; 125 galaf failed, 126 the command cannot be\n"
    "executed, 127 it does not exist.  More: man galaf\n";

void refuse(int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("galaf: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(status);
}

/* Leaves descriptors 0, 1 and 2 alone and open: without them a file opened later would be
 * taken for standard output. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpragmas"              /* gcc before 13 does not know the next one */
#pragma GCC diagnostic ignored "-Wanalyzer-fd-leak"     /* 0, 1 and 2 are left open on purpose */
static void settle_descriptors(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR);
        if (fd < 0)
            refuse(OWN_FAILURE, "/dev/null: %s", strerror(errno));
    } while (fd <= STDERR_FILENO);
    if (close_range(STDERR_FILENO + 1, ~0U, 0) != 0)
        refuse(OWN_FAILURE, "cannot close the descriptors: %s", strerror(errno));
}
#pragma GCC diagnostic pop

/* Every signal is let through and does what it does by default, but for those that nohup(1)
 * and a shell's & ignore on purpose. */
static void settle_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int number = 1; number < NSIG; number++)
        if (number != SIGHUP && number != SIGINT && number != SIGQUIT)
            signal(number, SIG_DFL);
}

/* No core dump is made: the file would show the application's memory to the user's other programs,
 * which can kill it, but not look into it. */
static void settle_limits(void)
{
    if (setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 }) != 0)
        refuse(OWN_FAILURE, "cannot limit core dumps: %s", strerror(errno));
}

static void open_table(struct table *table)
{
    const char *wrong = table_open(table, LAUNCH_TABLE);
    if (wrong && errno == ENOENT)
        refuse(OWN_FAILURE, LAUNCH_TABLE ": not there: galaf starts programs once root has run sudo galaf_config");
    if (wrong)
        refuse(OWN_FAILURE, LAUNCH_TABLE ": %s: run sudo galaf_config", wrong);
}

static void parse(struct entry *entry, char *line)
{
    const char *wrong = entry_parse(entry, line);
    if (wrong)
        refuse(OWN_FAILURE, LAUNCH_TABLE ": %.*s: %s: run sudo galaf_config", (int)strcspn(line, "\t"), line, wrong);
}

static void find(struct entry *entry, const char *name)
{
    struct table table;
    open_table(&table);
    char *line = table_find(&table, name);
    if (!line)
        refuse(OWN_FAILURE, "%s: no such application: see galaf --list; or add it, with its \"execv\", under \"groups\" " FIX,
               name);
    parse(entry, line);
}

/* Refuses unless this caller may start this entry with these arguments, or they are a link for it and it doesn't say
 * who may; returns whether that is so. */
static bool decide(const struct caller *caller, const struct entry *entry, char *const arguments[])
{
    if (!may_launch(caller, entry))
        refuse(OWN_FAILURE, "%s: you (uid %u) may not start it: add the user to \"users\" of $.groups.%s " FIX,
               entry->name, caller->uid, entry->name);
    gid_t gid = held_by(caller, entry);
    bool link = gid != 0 && !entry->from && is_link(entry, arguments);
    if (gid != 0 && !link)
        refuse(OWN_FAILURE, "%s: a program of application group %u may not start it: add that group to \"from\" "
               "of $.groups.%s, or the command to \"runs\" of its own entry, " FIX, entry->name, gid, entry->name);
    if (arguments[0] && !takes_arguments(entry))
        refuse(OWN_FAILURE, "%s: takes no arguments: put \"\u2026\" in \"execv\" of $.groups.%s " FIX,
               entry->name, entry->name);
    return link;
}

static _Noreturn void cannot_execute(const char *name, const char *path)
{
    bool missing = errno == ENOENT || errno == ENOTDIR;
    refuse(missing ? 127 : 126, "%s: %s: %s", name, path, strerror(errno));
}

static _Noreturn void launch(const char *name, char *const arguments[])
{
    struct caller caller;
    struct entry entry;
    caller_identify(&caller);
    find(&entry, name);
    bool link = decide(&caller, &entry, arguments);
    if (link || (in_another(&caller, &entry) && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 && caller.uid != 0))
        ask_session(&entry, arguments, link);
    tell_outside(&caller, &entry);
    enter_group(&caller, name, entry.gid);
    if (caller.uid != 0)
        drop_capabilities(name);
    if (entry.no_new_privs)
        set_filter(name, entry.user_namespaces);
    char **command = command_line(&entry, arguments), **variables = environment(&entry, environ);
    if (!command || !variables)
        refuse(OWN_FAILURE, "%s: %s", name, strerror(errno));
    execve(command[0], command, variables);
    cannot_execute(name, command[0]);
}

/* The gid of an application group, from /etc/group: it need not have a command. */
static gid_t group_id(const char *name)
{
    struct group *group;
    FILE *file = fopen("/etc/group", "re");
    if (!file)
        refuse(OWN_FAILURE, "/etc/group: %s", strerror(errno));
    while ((group = fgetgrent(file)) && strcmp(group->gr_name, name) != 0)
        ;
    fclose(file);
    if (!group)
        refuse(OWN_FAILURE, "%s: no such group: add it under \"groups\" " FIX, name);
    if (!is_application(group->gr_gid))
        refuse(OWN_FAILURE, "%s: gid %u is not an application group's: those are %u to %u", name, group->gr_gid,
               GID_FIRST, GID_LAST);
    return group->gr_gid;
}

/* Root tries rules out: any command, and nothing but the groups differs from root's shell. */
static _Noreturn void test(char *arguments[])
{
    struct caller caller;
    caller_identify(&caller);
    if (caller.uid != 0)
        refuse(OWN_FAILURE, "--test: for root alone: sudo galaf --test GROUP COMMAND ...");
    if (!arguments[0] || !arguments[1])
        refuse(OWN_FAILURE, "--test: wants a group and a command: sudo galaf --test GROUP COMMAND ...");
    enter_group(&caller, arguments[0], group_id(arguments[0]));
    execvp(arguments[1], arguments + 1);
    cannot_execute(arguments[0], arguments[1]);
}

/* Prints a word as a shell would take it; a control character, which a terminal might obey, as "?". */
static void print_word(const char *word)
{
    bool quoted = word[strcspn(word, " \t\n\"'\\$`*?[]{}()<>|&;~#!")] != '\0' || !*word;
    if (quoted)
        putchar('\'');
    for (; *word; word++) {
        if (*word == '\'')
            fputs("'\\''", stdout);
        else
            putchar((unsigned char)*word < ' ' || *word == 127 ? '?' : *word);
    }
    if (quoted)
        putchar('\'');
}

static void print_entry(const struct entry *entry, int width)
{
    printf("%-*s ", width, entry->name);
    for (char **token = entry->execv; *token; token++) {
        putchar(' ');
        print_word(*token);
    }
    putchar('\n');
}

/* Ends with success if all that was printed has been written. */
static _Noreturn void finish(void)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        refuse(OWN_FAILURE, "standard output: %s", strerror(errno));
    exit(EXIT_SUCCESS);
}

/* Prints what the caller may start. */
static _Noreturn void list(void)
{
    struct caller caller;
    struct table table;
    size_t count = 0, width = 0, lines = 0;
    caller_identify(&caller);
    open_table(&table);
    for (size_t i = 0; i < table.size; i++)
        lines += table.text[i] == '\n';
    struct entry *entries = calloc(lines + 1, sizeof *entries);
    if (!entries)
        refuse(OWN_FAILURE, "--list: %s", strerror(errno));
    for (char *line = table_next(&table, NULL), *next; line; line = next) {
        struct entry *entry = &entries[count];
        next = table_next(&table, line);
        parse(entry, line);
        if (!may_launch(&caller, entry) || held_by(&caller, entry) != 0)
            continue;
        count++;
        width = strlen(entry->name) > width ? strlen(entry->name) : width;
    }
    for (size_t i = 0; i < count; i++)
        print_entry(&entries[i], width);
    finish();
}

int main(int argc, char *argv[])
{
    settle_descriptors();
    if (argc < 2 || argv[1][0] == '\0')
        refuse(OWN_FAILURE, "wants the name of a group: galaf --list shows them, galaf --help says more");
    if (argv[1][0] != '-') {
        settle_signals();
        settle_limits();
        launch(argv[1], argv + 2);
    }
    if (strcmp(argv[1], "--test") == 0)
        test(argv + 2);
    if (argc > 2)
        refuse(OWN_FAILURE, "%s: takes nothing after it: galaf --help says more", argv[1]);
    if (strcmp(argv[1], "--list") == 0)
        list();
    if (strcmp(argv[1], "--help") == 0)
        fputs(usage, stdout);
    else if (strcmp(argv[1], "--version") == 0)
        puts("galaf " VERSION);
    else
        refuse(OWN_FAILURE, "%s: no such option: galaf --help says more", argv[1]);
    finish();
}
