/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ask COUNT NAME ...: asks the name server at 127.0.0.1 for the IPv4 address of each name, then
 * COUNT times more, of each in turn, and prints the lower quartile of the nanoseconds that the later
 * answers took; with COUNT 0, that of the first ones.  An answer without an address is an error. */
#include <arpa/inet.h>
#include <err.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include "timing.h"

#define HEADER 12

/* Writes a query (RFC 1035, 4.1) for a name's A record; returns its length. */
static size_t query(unsigned char *packet, unsigned id, const char *name)
{
    unsigned char header[HEADER] = { id >> 8, id, 1, 0, 0, 1 }, *to = packet + HEADER;
    memcpy(packet, header, HEADER);
    while (*name) {
        size_t length = strcspn(name, ".");
        *to++ = length;
        memcpy(to, name, length);
        to += length;
        name += length + (name[length] == '.');
    }
    memcpy(to, "\0\0\1\0\1", 5);
    return to + 5 - packet;
}

static void ask(int fd, unsigned id, const char *name)
{
    unsigned char packet[512];
    size_t length = query(packet, id, name);
    if (send(fd, packet, length, 0) != (ssize_t)length)
        err(1, "%s", name);
    ssize_t got = recv(fd, packet, sizeof packet, 0);
    if (got < HEADER)
        err(1, "%s: no answer", name);
    if ((packet[3] & 15) != 0 || packet[7] == 0)
        errx(1, "%s: answered with code %d and %d records", name, packet[3] & 15, packet[7]);
}

int main(int argc, char **argv)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(53) };
    struct timeval patience = { .tv_sec = 5 };
    int fd = socket(AF_INET, SOCK_DGRAM, 0), names = argc - 2, count = argc > 2 ? number(argv[1]) : 0;
    double *times = argc > 2 ? calloc(names + count, sizeof *times) : NULL;
    if (times == NULL)
        errx(2, "usage: ask COUNT NAME ...");
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        err(1, "connect");
    for (int i = 0; i < names + count; i++) {
        double start = now();
        ask(fd, i & 0xffff, argv[2 + i % names]);
        times[i] = now() - start;
    }
    print_quartile(count ? times + names : times, count ? count : names);
}
