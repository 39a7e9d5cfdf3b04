/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the measured loops share: each step is timed by itself and the lower quartile is told,
 * which other programs' use of the processor hardly moves. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Nanoseconds of a clock that only goes forward. */
static double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1e9 + at.tv_nsec;
}

/* A whole number above zero from the command line, or 0. */
static int number(const char *text)
{
    int found = atoi(text);
    return found > 0 ? found : 0;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Prints the lower quartile of count times, in whole nanoseconds. */
static void print_quartile(double *times, int count)
{
    qsort(times, count, sizeof *times, by_size);
    printf("%.0f\n", times[count / 4]);
}
