/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of the launcher share.  The launch table's format is in CONTRIBUTING.md. */
#ifndef GALAF_H
#define GALAF_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define GID_FIRST 30000u    /* application groups have a gid in this range, both ends included */
#define GID_LAST 59999u
#define TABLE_HEADER "galaf-launch 1\n"

/* The lines after the header.  They are this process's own copy: parsing writes into them. */
struct table {
    char *text;
    size_t size;
};

/* A parsed line; its strings are in the table, and tokens is to be freed. */
struct entry {
    char **tokens;          /* all of the line's, NULL at the end */
    const char *name;
    gid_t gid;
    const char *users;      /* the ids after users= and from=; NULL: no such option */
    const char *from;
    bool no_new_privs;
    bool user_namespaces;   /* whether it may make them, which is so too without no_new_privs */
    char **options;         /* from here to the token "execv" */
    char **execv;           /* the command */
};

/* Who has started this process. */
struct caller {
    uid_t uid;              /* the real one */
    gid_t *gids;            /* real, effective, saved and file system gid, then the supplementary groups */
    size_t count;           /* of gids: at least OWN_GIDS */
};
#define OWN_GIDS 4u

/* galaf.c: says why nothing is started, and ends with that status. */
_Noreturn void refuse(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define OWN_FAILURE 125

/* table.c: those that return a text return NULL when all is well, else what is wrong. */
const char *table_open(struct table *table, const char *path);
const char *table_read(struct table *table, char *file, size_t size);
char *table_find(const struct table *table, const char *name);
char *table_next(const struct table *table, char *line);
const char *entry_parse(struct entry *entry, char *line);

/* caller.c */
void caller_identify(struct caller *caller);
bool is_application(gid_t gid);
bool may_launch(const struct caller *caller, const struct entry *entry);
gid_t held_by(const struct caller *caller, const struct entry *entry);
bool in_another(const struct caller *caller, const struct entry *entry);

/* command.c: arrays that end with NULL, to be freed; NULL itself with errno set when memory is short. */
bool takes_arguments(const struct entry *entry);
char **command_line(const struct entry *entry, char *const arguments[]);
size_t length(char *const array[]);

/* environment.c: as those of command.c */
char **environment(const struct entry *entry, char *const from[]);

/* outside.c: what galaf_desktop(8) notes of each entry is in files of these folders, named like it. */
#define DESKTOP "/var/lib/galaf/desktop"
ssize_t read_start(int folder, const char *path, char *text, size_t size);
ssize_t read_note(const char *folder, const char *name, char *text, size_t size);
void tell_outside(const struct caller *caller, const struct entry *entry);

/* session.c */
bool is_link(const struct entry *entry, char *const arguments[]);
_Noreturn void ask_session(const struct entry *entry, char *const arguments[], bool link);

/* privilege.c: these succeed or refuse. */
void enter_group(struct caller *caller, const char *name, gid_t gid);
void drop_capabilities(const char *name);
void set_filter(const char *name, bool user_namespaces);

#endif
