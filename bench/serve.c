/* SPDX-License-Identifier: GPL-3.0-or-later */
/* serve PORT ADDRESS: takes TCP connections on a port, and UDP packets at one IPv4 address, and
 * throws away what they bring; a UDP packet of one byte it sends back, from that address.  It
 * prints a line once both are bound, and ends, as leader of its process group, with its standard input. */
#include <arpa/inet.h>
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static char waste[1 << 18];

static int bound(int type, int port, in_addr_t address)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = { address } };
    int fd = socket(AF_INET, type, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0)
        err(1, "port %d", port);
    return fd;
}

static void sink(int udp)
{
    struct sockaddr_in from;
    for (;;) {
        socklen_t size = sizeof from;
        if (recvfrom(udp, waste, sizeof waste, 0, (struct sockaddr *)&from, &size) == 1)
            sendto(udp, waste, 1, 0, (struct sockaddr *)&from, size);
    }
}

int main(int argc, char **argv)
{
    if (argc != 3)
        errx(2, "usage: serve PORT ADDRESS");
    int udp = bound(SOCK_DGRAM, atoi(argv[1]), inet_addr(argv[2]));
    int tcp = bound(SOCK_STREAM, atoi(argv[1]), INADDR_ANY);
    if (listen(tcp, 4096) != 0 || puts("ready") < 0 || fflush(stdout) != 0)
        err(1, "serve");
    if (fork() == 0)
        sink(udp);
    if (fork() == 0) {
        while (read(0, waste, sizeof waste) > 0)
            ;
        kill(0, SIGKILL);
    }
    for (;;) {
        int fd = accept(tcp, NULL, NULL);
        while (read(fd, waste, sizeof waste) > 0)
            ;
        close(fd);
    }
}
