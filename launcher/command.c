/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is executed: the command with the arguments of the caller. */
#define _GNU_SOURCE
#include "galaf.h"

#include <stdlib.h>
#include <string.h>

#define PLACE "\xe2\x80\xa6"    /* U+2026, the place of the caller's arguments */

size_t length(char *const array[])
{
    size_t count = 0;
    while (array[count])
        count++;
    return count;
}

/* Whether the command has a place for the caller's arguments. */
bool takes_arguments(const struct entry *entry)
{
    for (char **token = entry->execv; *token; token++)
        if (strcmp(*token, PLACE) == 0)
            return true;
    return false;
}

/* The command with the caller's arguments in their place. */
char **command_line(const struct entry *entry, char *const arguments[])
{
    size_t places = 0, given = length(arguments);
    for (char **token = entry->execv; *token; token++)
        places += strcmp(*token, PLACE) == 0;
    char **line = calloc(length(entry->execv) + places * given + 1, sizeof *line), **to = line;
    if (!line)
        return NULL;
    for (char **token = entry->execv; *token; token++) {
        if (strcmp(*token, PLACE) == 0) {
            memcpy(to, arguments, given * sizeof *to);
            to += given;
        } else {
            *to++ = *token;
        }
    }
    return line;
}
