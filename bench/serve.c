/* SPDX-License-Identifier: GPL-3.0-or-later */
/* serve PORT: takes TCP connections and UDP packets on a port and throws away what they bring.
 * It goes into the background once both sockets are bound. */
#include <arpa/inet.h>
#include <err.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static char waste[1 << 18];

static int bound(int type, int port)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
    int fd = socket(AF_INET, type, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0)
        err(1, "port %d", port);
    return fd;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        errx(2, "usage: serve PORT");
    int udp = bound(SOCK_DGRAM, atoi(argv[1])), tcp = bound(SOCK_STREAM, atoi(argv[1]));
    if (listen(tcp, 4096) != 0 || daemon(1, 0) != 0)
        err(1, "serve");
    if (fork() == 0)
        while (recv(udp, waste, sizeof waste, 0) >= 0)
            ;
    for (;;) {
        int fd = accept(tcp, NULL, NULL);
        while (read(fd, waste, sizeof waste) > 0)
            ;
        close(fd);
    }
}
