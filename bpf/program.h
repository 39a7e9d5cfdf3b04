/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which program is running: what its process is called, whatever its threads are, and its executable.
 *
 * Both are what the program says: it may name itself as it likes, and execute another's file.
 */
#ifndef PROGRAM_H
#define PROGRAM_H
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#define NAME_SIZE 16	/* TASK_COMM_LEN */

/* What is used of the kernel's structures; the offsets are found when the program is loaded. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct inode {
	unsigned long i_ino;
	long long i_size;
};

struct file {
	struct inode *f_inode;
};

struct mm_struct {
	struct file *exe_file;
};

struct task_struct {
	struct task_struct *group_leader;
	struct mm_struct *mm;
	char comm[NAME_SIZE];
};
#pragma clang attribute pop

/* The name of the process: its first thread's, which exec(2) sets. */
static __always_inline void program_name(__u8 *to)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u64 ids = bpf_get_current_pid_tgid();

	if ((__u32)ids != ids >> 32) {
		task = BPF_CORE_READ(task, group_leader);
		if (!bpf_core_read(to, NAME_SIZE, &task->comm))
			return;
	}
	bpf_get_current_comm(to, NAME_SIZE);
}

/* The inode's number and the size of the file that the process executes; zeros where there is none. */
static __always_inline void note_executable(__u64 *inode, __u64 *size)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct inode *file = BPF_CORE_READ(task, mm, exe_file, f_inode);

	*inode = file ? BPF_CORE_READ(file, i_ino) : 0;
	*size = file ? BPF_CORE_READ(file, i_size) : 0;
}
#endif
