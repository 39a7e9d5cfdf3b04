/* SPDX-License-Identifier: GPL-3.0-or-later */
/* connect PORT COUNT ADDRESS ...: opens and closes COUNT TCP connections to the IPv4 addresses in
 * turn, one after another, and prints the nanoseconds that one took.  The close is an ordinary one,
 * which leaves a local port in TIME_WAIT: more addresses are more connections before ports get scarce. */
#include <arpa/inet.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1e9 + at.tv_nsec;
}

static void once(const char *address, int port)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || inet_pton(AF_INET, address, &to.sin_addr) != 1)
        errx(1, "%s: no socket, or not an IPv4 address", address);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        err(1, "%s", address);
    close(fd);
}

int main(int argc, char **argv)
{
    if (argc < 4 || atoi(argv[2]) < 1)
        errx(2, "usage: connect PORT COUNT ADDRESS ...");
    int port = atoi(argv[1]), count = atoi(argv[2]);
    for (int i = 3; i < argc; i++)      /* neighbours and routes are known from here on */
        once(argv[i], port);
    double start = now();
    for (int i = 0; i < count; i++)
        once(argv[3 + i % (argc - 3)], port);
    printf("%.0f\n", (now() - start) / count);
}
