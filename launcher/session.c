/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From under no_new_privs no program gets into another group.  What an application may start there its user's systemd
 * is asked to start, which is in no group: it runs galaf again, as a program of the user's.  That asks nothing of this
 * process that it could not do itself: "from" is a word among friends, see SECURITY.md. */
#define _GNU_SOURCE
#include "galaf.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define SYSTEMD_RUN "/usr/bin/systemd-run"
#define SETENV "--setenv="
#define EACH(i, array) for (size_t i = 0; i < sizeof array / sizeof *array; i++)

/* Whether arguments are what a line of links/NAME says: a scheme, then a tab before each; %u is a link of the scheme. */
static bool fits(const char *line, const char *end, char *const arguments[])
{
    const char *tab = memchr(line, '\t', end - line);
    size_t scheme = tab ? tab - line : 0;
    while (tab && *arguments) {
        const char *word = tab + 1, *argument = *arguments++;
        tab = memchr(word, '\t', end - word);
        size_t size = (tab ? tab : end) - word;
        bool same = size == 2 && memcmp(word, "%u", 2) == 0
            ? strncasecmp(argument, line, scheme) == 0 && argument[scheme] == ':'
            : strlen(argument) == size && memcmp(argument, word, size) == 0;
        if (!same)
            return false;
    }
    return scheme > 0 && !tab && !*arguments;
}

/* Whether these arguments open a link as the entry's own menu entries do. */
bool is_link(const struct entry *entry, char *const arguments[])
{
    char lines[16384];
    if (read_note("links", entry->name, lines, sizeof lines) <= 0)
        return false;
    for (const char *line = lines, *end; (end = strchr(line, '\n')); line = end + 1)
        if (fits(line, end, arguments))
            return true;
    return false;
}

/* Copies a word, with each $ doubled, as systemd puts a variable's value in the place of a single one; returns where the
 * copy ends, after its NUL. */
static char *copy_word(char *to, const char *word)
{
    for (; *word; word++) {
        if (*word == '$')
            *to++ = '$';
        *to++ = *word;
    }
    *to++ = '\0';
    return to;
}

static bool has(char *const variables[], const char *name)
{
    size_t size = strlen(name);
    for (; *variables; variables++)
        if (strncmp(*variables, name, size) == 0 && (*variables)[size] == '=')
            return true;
    return false;
}

/* Refuses unless systemd runs for the user, whom these variables lead to it. */
static void look_for_session(const char *name, char *const variables[])
{
    char path[PATH_MAX];
    for (; *variables; variables++) {
        int size = snprintf(path, sizeof path, "%s/systemd/private", *variables);
        if (strncmp(path, "XDG_RUNTIME_DIR=", 16) == 0 && size < (int)sizeof path && access(path + 16, W_OK) == 0)
            return;
    }
    refuse(OWN_FAILURE, "%s: an application cannot start another one itself, and no systemd of this user's is there to "
           "do it: start it from outside the application", name);
}

/* Has the user's systemd run galaf for this entry.  Ends with 0 once it has been told of a link; else as the command
 * does, whose standard input and output are this process's. */
_Noreturn void ask_session(const struct entry *entry, char *const arguments[], bool link)
{
    static char *const words[] = { SYSTEMD_RUN, "--user", "--quiet", "--collect", "--property=ExitType=cgroup" };
    static char *const ending[] = { "--same-dir", "--pipe", "--wait" };
    static char *const kept[] = { SETENV "DESKTOP_STARTUP_ID", SETENV "DISPLAY", SETENV "WAYLAND_DISPLAY",
                                  SETENV "XAUTHORITY", SETENV "XDG_ACTIVATION_TOKEN" };
    struct entry plain = *entry;
    plain.options = plain.execv - 1;        /* none: they are the application's */
    size_t size = 1;
    for (size_t i = 0; arguments[i]; i++)
        size += 2 * strlen(arguments[i]) + 1;
    char **variables = environment(&plain, environ), **line = calloc(length(arguments) + 32, sizeof *line), **to = line;
    char *text = malloc(size);
    if (!variables || !line || !text)
        refuse(OWN_FAILURE, "%s: %s", entry->name, strerror(errno));
    look_for_session(entry->name, variables);
    EACH(i, words)
        *to++ = words[i];
    for (size_t i = 0; !link && i < sizeof ending / sizeof *ending; i++)
        *to++ = ending[i];
    EACH(i, kept)
        if (has(variables, kept[i] + strlen(SETENV)))
            *to++ = kept[i];
    *to++ = "--";
    *to++ = "/usr/bin/galaf";
    *to++ = (char *)entry->name;
    for (; *arguments; arguments++) {
        *to++ = text;
        text = copy_word(text, *arguments);
    }
    execve(SYSTEMD_RUN, line, variables);
    refuse(OWN_FAILURE, "%s: " SYSTEMD_RUN ": %s", entry->name, strerror(errno));
}
