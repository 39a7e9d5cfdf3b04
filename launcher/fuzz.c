/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libFuzzer's harness: a table, the name asked for, and strings that are now the caller's
 * arguments, now the environment.  Besides what the sanitizers see, it checks what must hold
 * of whatever is launched. */
#define _GNU_SOURCE
#include "galaf.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define STRINGS 16

void refuse(int status, const char *format, ...)
{
    (void)status, (void)format;
    abort();    /* only caller_identify() refuses, which isn't called here */
}

/* A copy with the header before it, if it is wanted, so that the fuzzer needn't find it. */
static char *copy(const char *data, size_t *size, bool headed)
{
    size_t header = headed ? strlen(TABLE_HEADER) : 0;
    char *file = malloc(header + *size + headed + 1);
    memcpy(file, TABLE_HEADER, header);
    memcpy(file + header, data, *size);
    if (headed)
        file[header + *size] = '\n';
    *size += header + headed;
    return file;
}

static bool keeps_or_sets(const struct entry *entry)
{
    for (char **option = entry->options; option + 1 != entry->execv; option++)
        if (**option == 'k' || **option == 's')
            return true;
    return false;
}

/* Nothing that loads code, and of what names a server nothing that is elsewhere. */
static bool may_be_kept(const char *variable)
{
    const char *value = strchr(variable, '=') + 1;
    if (strncmp(variable, "DISPLAY=", 8) == 0)
        return value[strcspn(value, "0123456789")] && strchr(":ul", *value) && !strchr(value, '/');
    if (strncmp(variable, "PULSE_SERVER=", 13) == 0)
        return (*value == '/' || strncmp(value, "unix:/", 6) == 0) && !strchr(value, ' ');
    return strncmp(variable, "LD_", 3) != 0;
}

static void check_launch(const struct entry *entry, char *const strings[])
{
    gid_t gids[] = { 1000, 1000, 1000, 1000, 27, 30002 };
    struct caller caller = { 1000, gids, sizeof gids / sizeof *gids };
    char **command = command_line(entry, strings), **variables = environment(entry, strings);
    size_t places = 0;
    for (char **token = entry->execv; *token; token++)
        places += strcmp(*token, "\u2026") == 0;
    assert(takes_arguments(entry) == (places > 0));
    assert(length(command) == length(entry->execv) - places + places * length(strings));
    assert(command[0][0] == '/');
    for (char **variable = variables; *variable; variable++)
        assert(keeps_or_sets(entry) || may_be_kept(*variable));
    assert(is_application(entry->gid));
    assert(held_by(&caller, entry) == 0 || held_by(&caller, entry) == 30002);
    assert(entry->users || may_launch(&caller, entry));
    free(command);
    free(variables);
}

static void check_entry(char *line, char *const strings[])
{
    struct entry entry;
    if (!entry_parse(&entry, line))
        check_launch(&entry, strings);
    free(entry.tokens);
}

/* Parses the line that is asked for, or else each of them: a line is parsed once. */
static void check_table(const struct table *table, char *const strings[])
{
    char *line = table_find(table, strings[0]);
    if (line) {
        assert(strncmp(line, strings[0], strlen(strings[0])) == 0);
        check_entry(line, strings + 1);
        return;
    }
    for (char *next = table_next(table, NULL); (line = next);) {
        next = table_next(table, line);
        check_entry(line, strings + 1);
    }
}

/* The parts of the input end with a NUL: the name, then the strings.  After an empty one the table follows. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *strings[STRINGS + 1] = { 0 }, *all = malloc(size + 1), *end = all + size, *at = all;
    memcpy(all, data, size);
    *end = '\0';
    for (size_t count = 0; at < end && *at && count < STRINGS; at += strlen(at) + 1)
        strings[count++] = at;
    size_t left = at < end ? end - at - 1 : 0;
    struct table table;
    char *file = copy(at < end ? at + 1 : end, &left, size % 8 != 0);
    if (strings[0] && !table_read(&table, file, left))
        check_table(&table, strings);
    free(file);
    free(all);
    return 0;
}
