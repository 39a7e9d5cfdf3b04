/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spawn COUNT PROGRAM [ARG ...]: runs a program COUNT times, one after another, and prints the
 * nanoseconds that one run took, from its start to its end.  PROGRAM is an absolute path. */
#include <err.h>
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1e9 + at.tv_nsec;
}

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
    if (argc < 3 || atoi(argv[1]) < 1)
        errx(2, "usage: spawn COUNT PROGRAM [ARG ...]");
    int count = atoi(argv[1]);
    once(argv + 2);                     /* its pages are in memory from here on */
    double start = now();
    for (int i = 0; i < count; i++)
        once(argv + 2);
    printf("%.0f\n", (now() - start) / count);
}
