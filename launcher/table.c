/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads the launch table.  Whatever the file holds, nothing outside of it is touched. */
#define _GNU_SOURCE
#include "galaf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* The owner and mode are those of the file that was opened, whatever its name leads to by now. */
static const char *check(const struct stat *file)
{
    if (!S_ISREG(file->st_mode))
        return "it is not a regular file";
    if (file->st_uid != 0)
        return "it does not belong to root";
    if (file->st_mode & (S_IWGRP | S_IWOTH))
        return "others than root may write to it";
    if (file->st_size == 0)
        return "it is empty";
    return NULL;
}

static const char *map(struct table *table, int fd)
{
    struct stat file;
    if (fstat(fd, &file) != 0)
        return strerror(errno);
    const char *wrong = check(&file);
    if (wrong)
        return wrong;
    char *text = mmap(NULL, file.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    if (text == MAP_FAILED)
        return strerror(errno);
    return table_read(table, text, file.st_size);
}

/* Opens the table at a path; only root can have written it.  errno is ENOENT if it is not there, else not. */
const char *table_open(struct table *table, const char *path)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return strerror(errno);
    const char *wrong = map(table, fd);
    close(fd);
    errno = 0;
    return wrong;
}

/* Takes a whole file, which must start with the header and end with a newline. */
const char *table_read(struct table *table, char *file, size_t size)
{
    const size_t header = strlen(TABLE_HEADER);
    if (size < header || memcmp(file, TABLE_HEADER, header) != 0)
        return "its first line is not that of a launch table of this version";
    if (file[size - 1] != '\n')
        return "its last line is not complete";
    table->text = file + header;
    table->size = size - header;
    return NULL;
}

/* Compares a name with the first token of a line, by their bytes. */
static int compare(const char *name, const char *line, const char *end)
{
    const char *tab = memchr(line, '\t', end - line);
    size_t length = (tab ? tab : end) - line, wanted = strlen(name);
    int order = memcmp(name, line, wanted < length ? wanted : length);
    return order ? order : (wanted > length) - (wanted < length);
}

/* Finds the line of a name by binary search; NULL if there is none. */
char *table_find(const struct table *table, const char *name)
{
    char *low = table->text, *high = table->text + table->size;
    while (low < high) {
        char *middle = low + (high - low) / 2;
        char *before = memrchr(low, '\n', middle - low);
        char *line = before ? before + 1 : low;
        char *end = memchr(line, '\n', high - line);
        int order = compare(name, line, end);
        if (order == 0)
            return line;
        if (order < 0)
            high = line;
        else
            low = end + 1;
    }
    return NULL;
}

/* The line after this one, or the first one if it is NULL; NULL at the end.  To be called
 * before the line is parsed. */
char *table_next(const struct table *table, char *line)
{
    char *end = table->text + table->size;
    char *next = line ? (char *)memchr(line, '\n', end - line) + 1 : table->text;
    return next < end ? next : NULL;
}

/* Replaces \\, \t and \n in place; false at a backslash before anything else. */
static bool unescape(char *token)
{
    char *to = token;
    for (const char *from = token; *from; from++) {
        if (*from == '\\') {
            from++;
            if (*from != '\\' && *from != 't' && *from != 'n')
                return false;
            *to++ = *from == 't' ? '\t' : *from == 'n' ? '\n' : '\\';
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
    return true;
}

/* Splits a line into its tokens. */
static const char *split(struct entry *entry, char *line)
{
    char *end = strchrnul(line, '\n');
    if (*end == '\0')
        return "a NUL byte";
    *end = '\0';
    size_t count = 1;
    for (const char *c = line; *c; c++)
        count += *c == '\t';
    entry->tokens = calloc(count + 1, sizeof *entry->tokens);
    if (!entry->tokens)
        return strerror(errno);
    for (size_t i = 0; i < count; i++) {
        entry->tokens[i] = strsep(&line, "\t");
        if (!unescape(entry->tokens[i]))
            return "an unknown escape";
    }
    return NULL;
}

/* Takes a gid of the range: five characters, all of which must be digits to make such a number.
   strtoul(3) would tie a package that is built on Debian 13 to that release's C library. */
static bool parse_gid(struct entry *entry, const char *token)
{
    entry->gid = 0;
    for (const char *c = token; *c >= '0' && *c <= '9'; c++)
        entry->gid = 10 * entry->gid + (*c - '0');
    return strlen(token) == 5 && is_application(entry->gid);
}

static bool parse_option(struct entry *entry, const char *token)
{
    if (strncmp(token, "users=", 6) == 0)
        entry->users = token + 6;
    else if (strncmp(token, "from=", 5) == 0)
        entry->from = token + 5;
    else if (strcmp(token, "no_new_privs=no") == 0)
        entry->no_new_privs = false;
    else if (strcmp(token, "user_namespaces=yes") == 0)
        entry->user_namespaces = true;
    else if (strncmp(token, "set=", 4) == 0)
        return strchr(token + 4, '=') > token + 4;
    else
        return strncmp(token, "keep=", 5) == 0;
    return true;
}

/* Parses a line, which is changed by it.  Takes nothing that it doesn't know: an option
 * passed over might be one that forbids.  The caller frees entry->tokens, also on failure. */
const char *entry_parse(struct entry *entry, char *line)
{
    *entry = (struct entry){ .no_new_privs = true };
    const char *wrong = split(entry, line);
    if (wrong)
        return wrong;
    entry->name = entry->tokens[0];
    if (!entry->tokens[1] || !parse_gid(entry, entry->tokens[1]))
        return "no gid from 30000 to 59999";
    char **token = entry->options = entry->tokens + 2;
    for (; *token && strcmp(*token, "execv") != 0; token++)
        if (!parse_option(entry, *token))
            return "an unknown option";
    if (!*token || !token[1] || token[1][0] != '/')
        return "no command with an absolute path";
    entry->execv = token + 1;
    return NULL;
}
