/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spark [--type=KIND] [ARGUMENT ...]: an application of the tests that runs as Electron's do.
 *
 * One process of a user's is the application; a later start hands its arguments to that one, by a socket, and ends.
 * It wants a sandbox, by a user namespace or by a set-uid program, which privileges that may be had alone let it use.
 * Its children are its own program, started by /proc/self/exe: a zygote, and one that does what needs the network: it
 * appends its gid, the arguments and what 198.18.0.10 answers to ~/spark.log. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *in_home(const char *name)
{
    static char path[sizeof ((struct sockaddr_un *)0)->sun_path];

    snprintf(path, sizeof path, "%s/%s", getenv("HOME"), name);
    return path;
}

static void child(const char *kind, const char *arguments)
{
    switch (fork()) {
    case -1: err(1, "fork");
    case 0: execl("/proc/self/exe", "spark", kind, arguments, NULL); err(1, "/proc/self/exe");
    }
}

static void need_sandbox(void)
{
    int status;
    pid_t pid = fork();

    if (pid == 0)
        _exit(unshare(CLONE_NEWUSER) != 0);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        err(1, "fork");
    if (status && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0))
        errx(1, "No usable sandbox!");
}

static void fetch(const char *arguments)
{
    const struct timeval three = { .tv_sec = 3 };
    struct sockaddr_in there = { .sin_family = AF_INET, .sin_port = htons(80), .sin_addr.s_addr = inet_addr("198.18.0.10") };
    int net = socket(AF_INET, SOCK_STREAM, 0), log = open(in_home("spark.log"), O_WRONLY | O_CREAT | O_APPEND, 0666);

    setsockopt(net, SOL_SOCKET, SO_SNDTIMEO, &three, sizeof three);
    if (log < 0)
        err(1, "spark.log");
    dprintf(log, "%d [%s] %s\n", (int)getegid(), arguments,
            connect(net, (struct sockaddr *)&there, sizeof there) ? "nothing" : "connected");
}

int main(int argc, char **argv)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    const char *arguments = argc > 1 ? argv[argc - 1] : "";
    char handed[256];
    int one = socket(AF_UNIX, SOCK_SEQPACKET, 0), other;

    if (argc > 2 && !strcmp(argv[1], "--type=utility")) {
        fetch(arguments);
        return 0;
    }
    if (argc > 1 && !strcmp(argv[1], "--type=zygote"))
        return pause();
    need_sandbox();
    strcpy(address.sun_path, in_home("spark.socket"));
    if (connect(one, (struct sockaddr *)&address, sizeof address) == 0)
        return write(one, arguments, strlen(arguments)) < 0;
    unlink(address.sun_path);
    signal(SIGCHLD, SIG_IGN);
    if (bind(one, (struct sockaddr *)&address, sizeof address) || listen(one, 5))
        err(1, "%s", address.sun_path);
    child("--type=zygote", "");
    child("--type=utility", arguments);
    while ((other = accept4(one, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        memset(handed, 0, sizeof handed);
        if (read(other, handed, sizeof handed - 1) >= 0)
            child("--type=utility", handed);
        close(other);
    }
    err(1, "accept");
}
