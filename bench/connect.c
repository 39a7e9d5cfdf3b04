/* SPDX-License-Identifier: GPL-3.0-or-later */
/* connect PORT COUNT ADDRESS ...: opens and closes COUNT TCP connections to the IPv4 addresses in
 * turn, one after another, and prints the lower quartile of the nanoseconds that each took.  The close is
 * an ordinary one, which leaves a local port in TIME_WAIT: more addresses are more connections
 * before ports get scarce. */
#include <arpa/inet.h>
#include <err.h>
#include <sys/socket.h>
#include <unistd.h>
#include "timing.h"

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
    int count = argc > 3 ? number(argv[2]) : 0;
    double *times = calloc(count, sizeof *times);
    if (count == 0 || times == NULL)
        errx(2, "usage: connect PORT COUNT ADDRESS ...");
    for (int i = 3; i < argc; i++)      /* neighbours and routes are known from here on */
        once(argv[i], number(argv[1]));
    for (int i = 0; i < count; i++) {
        double start = now();
        once(argv[3 + i % (argc - 3)], number(argv[1]));
        times[i] = now() - start;
    }
    print_quartile(times, count);
}
