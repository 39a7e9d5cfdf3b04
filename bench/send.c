/* SPDX-License-Identifier: GPL-3.0-or-later */
/* send tcp|udp|sendto ADDRESS PORT MILLISECONDS: sends as fast as it goes for that long and
 * prints how much a second: bytes of one TCP stream, or UDP packets of 64 bytes from a
 * connected socket (udp) or an unconnected one (sendto).  ADDRESS is IPv4. */
#include <arpa/inet.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define PACKET 64
#define BLOCK (128 * 1024)

static char block[BLOCK];

static double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec + at.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    struct sockaddr_in to = { .sin_family = AF_INET };
    if (argc != 5 || inet_pton(AF_INET, argv[2], &to.sin_addr) != 1)
        errx(2, "usage: send tcp|udp|sendto ADDRESS PORT MILLISECONDS");
    to.sin_port = htons(atoi(argv[3]));
    int tcp = strcmp(argv[1], "tcp") == 0, unconnected = strcmp(argv[1], "sendto") == 0;
    int fd = socket(AF_INET, tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
    if (fd < 0 || (!unconnected && connect(fd, (struct sockaddr *)&to, sizeof to) != 0))
        err(1, "connect");
    double start = now(), end = start + atoi(argv[4]) / 1e3, sent = 0;
    while (now() < end)
        for (int i = 0; i < (tcp ? 1 : 64); i++) {      /* a look at the clock costs as much as 1/64 packet */
            ssize_t done = sendto(fd, block, tcp ? BLOCK : PACKET, 0,
                                  unconnected ? (struct sockaddr *)&to : NULL, unconnected ? sizeof to : 0);
            if (done < 0)
                err(1, "send");
            sent += tcp ? done : 1;
        }
    printf("%.0f\n", sent / (now() - start));
}
