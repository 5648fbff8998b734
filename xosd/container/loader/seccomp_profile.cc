#include "xosd/container/loader/seccomp_profile.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace xos::loader {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
constexpr uint32_t kForeignNumbers = 0x40000000;  // __X32_SYSCALL_BIT: the x32 ABI shares AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
constexpr uint32_t kForeignNumbers = 0xffffffff;
#else
#error "the system call numbers of this architecture were not checked"
#endif

constexpr int kAbsent[] = {
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    SYS_userfaultfd,
    SYS_perf_event_open,
    SYS_memfd_secret,
    SYS_clone3,
    SYS_landlock_create_ruleset,
    SYS_landlock_add_rule,
    SYS_landlock_restrict_self,
};
constexpr int kForbidden[] = {
    SYS_setns,  SYS_mount,    SYS_umount2, SYS_pivot_root, SYS_move_mount,    SYS_open_tree,
    SYS_fsopen, SYS_fsconfig, SYS_fsmount, SYS_fspick,     SYS_mount_setattr,
};
constexpr uint32_t kNewNamespaces =
    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
constexpr uint32_t kNewTime = 0x80;  // CLONE_NEWTIME; in clone(2) these bits are the exit signal

constexpr uint32_t errno_answer(int error) {
    return SECCOMP_RET_ERRNO | static_cast<uint32_t>(error);
}

struct Program {
    sock_filter code[96];
    unsigned short size = 0;

    void add(sock_filter instruction) { code[size++] = instruction; }
    void load(size_t offset) { add(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset))); }
    void answer(uint32_t value) { add(BPF_STMT(BPF_RET | BPF_K, value)); }
    void answer_if_number(int number, uint32_t value) {
        add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(number), 0, 1));
        answer(value);
    }
    // The system call is refused where its first argument has one of the bits; other uses of it are allowed.
    void refuse_bits(int number, uint32_t bits) {
        add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(number), 0, 4));
        load(offsetof(seccomp_data, args[0]));
        add(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1));
        answer(errno_answer(EPERM));
        answer(SECCOMP_RET_ALLOW);
    }
    void refuse_value(int number, uint32_t value) {
        add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(number), 0, 4));
        load(offsetof(seccomp_data, args[0]));
        add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1));
        answer(errno_answer(EPERM));
        load(offsetof(seccomp_data, nr));
    }
};

}  // namespace

bool install_seccomp_profile() {
    static Program program;
    program.load(offsetof(seccomp_data, arch));
    program.add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0));
    program.answer(errno_answer(ENOSYS));
    program.load(offsetof(seccomp_data, nr));
    program.add(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kForeignNumbers, 0, 1));
    program.answer(errno_answer(ENOSYS));
    for (const int number : kAbsent) program.answer_if_number(number, errno_answer(ENOSYS));
    for (const int number : kForbidden) program.answer_if_number(number, errno_answer(EPERM));
    program.refuse_value(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING);
    program.refuse_value(SYS_keyctl, KEYCTL_SESSION_TO_PARENT);
    program.refuse_bits(SYS_unshare, kNewNamespaces | kNewTime);
    program.refuse_bits(SYS_clone, kNewNamespaces);
    program.answer(SECCOMP_RET_ALLOW);
    const sock_fprog filter{program.size, program.code};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

}  // namespace xos::loader
