# SPDX-License-Identifier: GPL-3.0-or-later
"""System calls by number, through the ABI of x86_64, the 32-bit one (int 0x80) and x32."""
import ctypes
import mmap

MAP_32BIT = 0x40
X32 = 0x40000000
# push rbx; eax, ebx, ecx, edx, esi, edi = the six arguments of the C call; int 0x80; pop rbx; ret
INT80 = bytes.fromhex("53 89f8 89f3 4887d1 4489c6 4489cf cd80 5b c3")

libc = ctypes.CDLL(None, use_errno=True)
low = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_32BIT,
                prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
base = ctypes.addressof(ctypes.c_char.from_buffer(low))
low[:len(INT80)] = INT80
int80 = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_long] * 6)(base)


def low_copy(data, offset):
    """Puts bytes where a 32-bit pointer reaches them, behind the code; returns their address."""
    low[offset:offset + len(data)] = data
    return base + offset


def call(abi, number64, number32, *arguments):
    """Does one system call with up to five arguments; returns its result, or minus the error."""
    arguments = arguments + (0,) * (5 - len(arguments))
    if abi == "i386":
        return int80(number32, *arguments)
    result = libc.syscall(ctypes.c_long(number64 | (X32 if abi == "x32" else 0)), *map(ctypes.c_long, arguments))
    return -ctypes.get_errno() if result < 0 else result
