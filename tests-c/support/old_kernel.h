/* Simulates Linux 3.10 with a system call filter for the calling process, its children, and programs that they execute. Newer modes of
 * memory policy fail with EINVAL, newer system calls with ENOSYS, and the newer ioctl of /proc/PID/pagemap with ENOTTY. */
#ifndef OLD_KERNEL_H
#define OLD_KERNEL_H

#include <errno.h>
#include <linux/filter.h>
#include <linux/ioctl.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

enum {
    /* The last system call of 3.10, or nearly. */
    LAST_OLD_SYSTEM_CALL = SYS_finit_module,
    LAST_OLD_POLICY = 4,
    OLD_POLICY_FLAGS = 3 << 14,
};

/* PAGEMAP_SCAN, which older headers lack; its structure has 96 bytes. */
#define PAGEMAP_SCAN_IOCTL ((unsigned)_IOWR('f', 16, char[96]))

/* After all others come the calls that only 32-bit ARM has. */
#ifdef __arm__
#define ALLOW_CALLS_OF_ARM IF_GREATER(0xeffff, 1), ALLOW,
#else
#define ALLOW_CALLS_OF_ARM
#endif

/* Linux 5.1 gave it to 32-bit machines. The tests' time is measured with it. */
#ifdef SYS_clock_gettime64
#define ALLOW_CLOCK IF_EQUAL(SYS_clock_gettime64, 1), ALLOW,
#else
#define ALLOW_CLOCK
#endif

/* The lower half of a system call's argument. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARGUMENT(number) (offsetof(struct seccomp_data, args) + 8 * (number))
#else
#define ARGUMENT(number) (offsetof(struct seccomp_data, args) + 8 * (number) + 4)
#endif

#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)
/* Continues with the next instruction if the condition holds, otherwise skips `otherwise` instructions. */
#define IF_EQUAL(value, otherwise) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, otherwise)
#define IF_GREATER(value, otherwise) BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, value, 0, otherwise)
#define FAIL(error) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define JUDGE_POLICY \
    BPF_STMT(BPF_ALU | BPF_AND | BPF_K, ~(unsigned)OLD_POLICY_FLAGS), IF_GREATER(LAST_OLD_POLICY, 1), FAIL(EINVAL), ALLOW

/* Returns 0, or -1 with errno. */
static int become_old_kernel(void)
{
    struct sock_filter instructions[] = {
        LOAD(offsetof(struct seccomp_data, nr)),
        IF_EQUAL(SYS_set_mempolicy, 5), LOAD(ARGUMENT(0)), JUDGE_POLICY,
        IF_EQUAL(SYS_mbind, 5), LOAD(ARGUMENT(2)), JUDGE_POLICY,
        IF_EQUAL(SYS_ioctl, 4), LOAD(ARGUMENT(1)), IF_EQUAL(PAGEMAP_SCAN_IOCTL, 1), FAIL(ENOTTY), ALLOW,
        /* The parity suite needs it, the libraries do not. */
        IF_EQUAL(SYS_memfd_create, 1), ALLOW,
        ALLOW_CLOCK
        ALLOW_CALLS_OF_ARM
        IF_GREATER(LAST_OLD_SYSTEM_CALL, 1), FAIL(ENOSYS), ALLOW,
    };
    struct sock_fprog filter = { sizeof instructions / sizeof *instructions, instructions };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

#endif
