#include "xosd/container/loader/launch.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>

#include "xosd/container/loader/seccomp_profile.h"

namespace xos::loader {
namespace {

// Which part of the job file the failed step was about; a program in another address space needs no text.
enum class About : int { program, directory, output, identity };

struct Report {
    int error;
    About about;
};

bool take_identity(const JobHeader& header, const uint32_t* groups) {
    static_assert(sizeof(gid_t) == sizeof(uint32_t));
    for (int capability = 0; capability <= CAP_LAST_CAP; capability++)
        if (prctl(PR_CAPBSET_DROP, capability) != 0 && errno != EINVAL) return false;
    if (setgroups(header.group_count, groups) != 0 || setresgid(header.gid, header.gid, header.gid) != 0 ||
        setresuid(header.uid, header.uid, header.uid) != 0)
        return false;
    // from a uid of 0 to others the kernel has cleared the capability sets; this fails where it has not
    return setresuid(0, 0, 0) != 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

bool open_output(const Job& job, Stdio& stdio) {
    if (stdio.kind != JobStdio::file) return true;
    const int fd = open(job.output, O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY | O_CLOEXEC, 0666);
    if (fd < 0) return false;
    struct stat st{};
    // a directory cannot be opened for writing, a FIFO without a reader blocks; only plain files survive a
    // checkpoint
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        errno = EINVAL;
        return false;
    }
    stdio.app[1] = stdio.app[2] = fd;
    return true;
}

bool take_stdio(const Stdio& stdio) {
    for (int i = 0; i < 3; i++)
        if (dup2(stdio.app[i], i) < 0) return false;
    return stdio.kind != JobStdio::terminal || ioctl(STDIN_FILENO, TIOCSCTTY, 0) == 0;
}

void reset_signals() {
    for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void give_up(int report, About about) {
    const Report text{errno, about};
    if (write(report, &text, sizeof text) != sizeof text) _exit(126);
    _exit(127);
}

[[noreturn]] void run_child(const Job& job, Stdio& stdio, int report) {
    setsid();
    reset_signals();
    umask(022);
    if (!take_identity(job.header, job.groups)) give_up(report, About::identity);
    if (chdir(job.directory) != 0) give_up(report, About::directory);
    if (!open_output(job, stdio)) give_up(report, About::output);
    if (!take_stdio(stdio)) give_up(report, About::identity);
    if (!install_seccomp_profile()) give_up(report, About::identity);
    // everything else of the loader was opened close-on-exec; execvp so that PATH is the job's own
    environ = job.environment;
    execvp(job.arguments[0], job.arguments);
    give_up(report, About::program);
}

const char* name_of(About about, const Job& job) {
    switch (about) {
        case About::program:
            return job.arguments[0];
        case About::directory:
            return job.directory;
        case About::output:
            return job.output;
        case About::identity:
            break;
    }
    return "the job's user";
}

}  // namespace

Launch launch(const Job& job, Stdio& stdio) {
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0) return {-1, errno, "the job's user"};
    const pid_t pid = fork();
    if (pid == 0) run_child(job, stdio, report[1]);
    const int fork_error = errno;
    close(report[1]);
    Launch out{pid, 0, ""};
    Report text{};
    if (pid < 0) {
        out = {-1, fork_error, job.arguments[0]};
    } else if (read(report[0], &text, sizeof text) == sizeof text) {
        while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
        }
        out = {-1, text.error, name_of(text.about, job)};
    }
    close(report[0]);
    return out;
}

bool drop_loader_capabilities() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3]{};
    sets[0].effective = sets[0].permitted = 1u << CAP_KILL;
    return syscall(SYS_capset, &header, sets) == 0;
}

}  // namespace xos::loader
