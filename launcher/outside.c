/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Says where the application runs outside its group already: that one may take what this one is asked for, as a browser
 * does with an address.  A remark: nothing rests on it, and where it can't look it says nothing.  Before the group is
 * entered, as the kernel then shows the programs of the caller's that are in none. */
#define _GNU_SOURCE
#include "galaf.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DELETED " (deleted)"        /* by an upgrade: proc_pid_exe(5) */

struct outside {
    char process[16];                                   /* its number; "": none was found */
    unsigned long long started;                         /* clock ticks after the boot */
};

/* Reads the beginning of a file, with a NUL behind it; returns its length, -1 where it can't be read. */
ssize_t read_start(int folder, const char *path, char *text, size_t size)
{
    int fd = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return -1;
    ssize_t length = read(fd, text, size - 1);
    close(fd);
    if (length >= 0)
        text[length] = '\0';
    return length;
}

/* Reads what galaf_desktop(8) notes of an entry, in that folder of its own; as read_start. */
ssize_t read_note(const char *folder, const char *name, char *text, size_t size)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, DESKTOP "/%s/%s", folder, name);
    return length > 0 && (size_t)length < sizeof path ? read_start(AT_FDCWD, path, text, size) : -1;
}

/* Whether a process, a folder of /proc, has this for its first argument, or its second, where the first is the
 * interpreter's. */
static bool has_argument(int process, const char *wanted, size_t size)
{
    char words[4096];
    ssize_t length = read_start(process, "cmdline", words, sizeof words);
    const char *word = words;
    for (int at = 0; at <= 2 && word < words + length; at++, word += strlen(word) + 1)
        if (at > 0 && strlen(word) == size && memcmp(word, wanted, size) == 0)
            return true;
    return false;
}

/* Whether a process runs one of the programs: lines that each have a file, or an interpreter, a tab and a script. */
static bool runs(int process, const char *programs)
{
    char exe[PATH_MAX];
    ssize_t length = readlinkat(process, "exe", exe, sizeof exe), tail = sizeof DELETED - 1;
    if (length > tail && memcmp(exe + length - tail, DELETED, tail) == 0)
        length -= tail;
    for (const char *line = programs, *end; (end = strchr(line, '\n')); line = end + 1) {
        ssize_t file = strcspn(line, "\t\n");
        const char *script = line + file + 1;
        if (file == length && memcmp(line, exe, file) == 0 &&
            (line[file] == '\n' || has_argument(process, script, end - script)))
            return true;
    }
    return false;
}

/* When a process started, in clock ticks after the boot: field 22 of proc_pid_stat(5); 0 where it has ended. */
static unsigned long long started(int process)
{
    char text[1024];
    unsigned long long ticks = 0;
    const char *at = read_start(process, "stat", text, sizeof text) > 0 ? strrchr(text, ')') : NULL;
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    for (at = at ? at + 1 : ""; *at >= '0' && *at <= '9'; at++)
        ticks = 10 * ticks + (*at - '0');
    return ticks;
}

/* When a process of this user's started that runs one of the programs and has another group; 0 for all others. */
static unsigned long long outside_since(int proc, const char *name, uid_t uid, gid_t gid, const char *programs)
{
    struct stat status;
    if (name[0] < '1' || name[0] > '9' || fstatat(proc, name, &status, 0) != 0 || status.st_uid != uid ||
        status.st_gid == gid)
        return 0;
    int process = openat(proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (process < 0)
        return 0;
    unsigned long long ticks = runs(process, programs) ? started(process) : 0;
    close(process);
    return ticks;
}

static void find_oldest(struct outside *oldest, const struct caller *caller, gid_t gid, const char *programs)
{
    *oldest = (struct outside){ "", 0 };
    DIR *proc = opendir("/proc");
    if (!proc)
        return;
    for (struct dirent *each; (each = readdir(proc));) {
        unsigned long long ticks = outside_since(dirfd(proc), each->d_name, caller->uid, gid, programs);
        if (ticks != 0 && (oldest->started == 0 || ticks < oldest->started)) {
            oldest->started = ticks;
            snprintf(oldest->process, sizeof oldest->process, "%.15s", each->d_name);
        }
    }
    closedir(proc);
}

/* The time of day of so many clock ticks after the boot, with the day where it was another. */
static void write_time(char *text, size_t size, unsigned long long ticks)
{
    struct timespec running;
    struct tm then, today;
    time_t now = time(NULL);
    clock_gettime(CLOCK_BOOTTIME, &running);
    time_t since = now - running.tv_sec + (time_t)(ticks / sysconf(_SC_CLK_TCK));
    bool known = localtime_r(&now, &today) && localtime_r(&since, &then);
    bool same = known && then.tm_yday == today.tm_yday && then.tm_year == today.tm_year;
    if (!known || strftime(text, size, same ? "%H:%M" : "%Y-%m-%d %H:%M", &then) == 0)
        snprintf(text, size, "?");
}

void tell_outside(const struct caller *caller, const struct entry *entry)
{
    char programs[16384], since[32];
    struct outside found;
    if (is_application(getegid()) || read_note("programs", entry->name, programs, sizeof programs) <= 0)
        return;
    find_oldest(&found, caller, entry->gid, programs);
    if (found.started == 0)
        return;
    write_time(since, sizeof since, found.started);
    fprintf(stderr, "galaf: %s runs outside its group since %s (process %s): close it and start it again\n", entry->name,
            since, found.process);
}
