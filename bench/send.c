/* SPDX-License-Identifier: GPL-3.0-or-later */
/* send tcp|udp|sendto ADDRESS PORT COUNT: sends COUNT portions as fast as it goes and prints the
 * lower quartile of the nanoseconds that each took.  A portion is 4 MiB of one TCP stream, or 64 UDP
 * packets of 64 bytes from a connected socket (udp) or an unconnected one (sendto).  ADDRESS is
 * IPv4.  UDP begins with a packet that is answered, as in any conversation: conntrack calls a
 * flow without answers new. */
#include <arpa/inet.h>
#include <err.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include "timing.h"

#define PACKET 64
#define PACKETS 64
#define BLOCK (128 * 1024)
#define BLOCKS 32

static char block[BLOCK];

/* The other end may still be busy with packets of an earlier run, and lose this one. */
static void greet(int fd, const struct sockaddr *to, socklen_t size)
{
    struct timeval patience = { .tv_usec = 20000 };
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    for (int i = 0; i < 100; i++)
        if (sendto(fd, block, 1, 0, to, size) != 1)
            err(1, "send");
        else if (recv(fd, block, 1, 0) == 1)
            return;
    errx(1, "no answer");
}

/* Sends pieces of a size; a stream may take less at once, and gets the rest. */
static void portion(int fd, int pieces, size_t length, const struct sockaddr *to, socklen_t size)
{
    for (size_t left = pieces * length; left > 0;) {
        ssize_t done = sendto(fd, block, left < length ? left : length, 0, to, size);
        if (done < 0)
            err(1, "send");
        left -= done;
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    int count = argc == 5 ? number(argv[4]) : 0;
    double *times = calloc(count, sizeof *times);
    if (count == 0 || times == NULL || inet_pton(AF_INET, argv[2], &address.sin_addr) != 1)
        errx(2, "usage: send tcp|udp|sendto ADDRESS PORT COUNT");
    address.sin_port = htons(number(argv[3]));
    int tcp = strcmp(argv[1], "tcp") == 0, unconnected = strcmp(argv[1], "sendto") == 0;
    int fd = socket(AF_INET, tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
    if (fd < 0 || (!unconnected && connect(fd, (struct sockaddr *)&address, sizeof address) != 0))
        err(1, "connect");
    const struct sockaddr *to = unconnected ? (struct sockaddr *)&address : NULL;
    socklen_t size = unconnected ? sizeof address : 0;
    if (!tcp)
        greet(fd, to, size);
    for (int i = 0; i < count; i++) {
        double start = now();
        portion(fd, tcp ? BLOCKS : PACKETS, tcp ? BLOCK : PACKET, to, size);
        times[i] = now() - start;
    }
    print_quartile(times, count);
}
