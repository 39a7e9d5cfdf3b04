/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What filter.c, which runs where it is built, has to know of the machine that it is built for: that one's compiler
 * preprocesses this, and what stands behind TARGET is kept. */
#define _GNU_SOURCE
#include <fcntl.h>

TARGET enum { CREATE = O_CREAT };
TARGET enum { TMPFILE = O_TMPFILE & ~O_DIRECTORY };
TARGET enum { LOW_HALF = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0 };

/* Which argument of clone is its flags. */
#ifdef __s390x__
TARGET enum { CLONE_FLAGS = 1 };
#else
TARGET enum { CLONE_FLAGS = 0 };
#endif

/* The number of Linux 6.6's fchmodat2, which older libseccomp can't name. */
#ifdef __mips64
TARGET enum { FCHMODAT2 = 5452 };
#else
TARGET enum { FCHMODAT2 = 452 };
#endif

/* The architecture as libseccomp names it, and the 32-bit one beside it. */
#if defined __x86_64__ && !defined __ILP32__
TARGET static const char *const architectures[] = { "x86_64", "x86" };
#elif defined __aarch64__
TARGET static const char *const architectures[] = { "aarch64", "arm" };
#elif defined __i386__
TARGET static const char *const architectures[] = { "x86" };
#elif defined __arm__
TARGET static const char *const architectures[] = { "arm" };
#elif defined __mips64 && defined _ABI64 && defined __MIPSEL__
TARGET static const char *const architectures[] = { "mipsel64" };
#elif defined __powerpc64__ && defined __LITTLE_ENDIAN__
TARGET static const char *const architectures[] = { "ppc64le" };
#elif defined __riscv && __riscv_xlen == 64
TARGET static const char *const architectures[] = { "riscv64" };
#elif defined __s390x__
TARGET static const char *const architectures[] = { "s390x" };
#else
#error "no filter of system calls is known to be right on this architecture"
#endif
