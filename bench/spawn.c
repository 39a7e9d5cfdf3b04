/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spawn COUNT PROGRAM [ARG ...]: runs a program COUNT times, one after another, and prints the
 * lower quartile of the nanoseconds from each one's start to its end.  PROGRAM is an absolute path. */
#include <err.h>
#include <errno.h>
#include <spawn.h>
#include <sys/wait.h>
#include "timing.h"

extern char **environ;

static void once(char **argv)
{
    pid_t child;
    int status;
    if ((errno = posix_spawn(&child, argv[0], NULL, NULL, argv, environ)) != 0)
        err(1, "%s", argv[0]);
    if (waitpid(child, &status, 0) != child || status != 0)
        errx(1, "%s: status %#x", argv[0], status);
}

int main(int argc, char **argv)
{
    int count = argc > 2 ? number(argv[1]) : 0;
    double *times = calloc(count, sizeof *times);
    if (count == 0 || times == NULL)
        errx(2, "usage: spawn COUNT PROGRAM [ARG ...]");
    once(argv + 2);                     /* its pages are in memory from here on */
    for (int i = 0; i < count; i++) {
        double start = now();
        once(argv + 2);
        times[i] = now() - start;
    }
    print_quartile(times, count);
}
