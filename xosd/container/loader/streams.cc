#include "xosd/container/loader/streams.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

namespace xos::loader {
namespace {

bool make_terminal(const Job& job, Stdio& stdio) {
    const int master = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (master < 0) return false;
    int locked = 0;
    // the slave is opened through its master: no name inside the job is followed
    if (ioctl(master, TIOCSPTLCK, &locked) != 0) return false;
    const int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0 || fchown(slave, job.header.uid, job.header.gid) != 0 || fchmod(slave, 0600) != 0)
        return false;
    stdio.app[0] = stdio.app[1] = stdio.app[2] = slave;
    stdio.input = stdio.output = master;
    set_window_size(stdio, static_cast<uint16_t>(job.header.rows), static_cast<uint16_t>(job.header.columns));
    return true;
}

// ours is made non-blocking; the application's end keeps the blocking mode that programs expect.
bool make_pipe(const Job& job, int& reading, int& writing, int& ours) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return false;
    reading = ends[0];
    writing = ends[1];
    // so that the application may open /dev/stdout and /dev/stdin again by name
    if (fchown(ends[0], job.header.uid, job.header.gid) != 0) return false;
    return fcntl(ours, F_SETFL, O_NONBLOCK) == 0;
}

}  // namespace

bool make_stdio(const Job& job, Stdio& stdio) {
    stdio.kind = static_cast<JobStdio>(job.header.stdio);
    if (stdio.kind == JobStdio::terminal) return make_terminal(job, stdio);
    if (stdio.kind == JobStdio::pipes)
        return make_pipe(job, stdio.app[0], stdio.input, stdio.input) &&
               make_pipe(job, stdio.output, stdio.app[1], stdio.output) &&
               make_pipe(job, stdio.errors, stdio.app[2], stdio.errors);
    return (stdio.app[0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;
}

void close_app_ends(Stdio& stdio) {
    if (stdio.kind == JobStdio::terminal) return;
    for (int i = 0; i < 3; i++) {
        const int fd = stdio.app[i];
        if (fd >= 0) close(fd);
        for (int& end : stdio.app)
            if (end == fd) end = -1;
    }
}

void set_window_size(const Stdio& stdio, uint16_t rows, uint16_t columns) {
    if (stdio.kind != JobStdio::terminal || rows == 0 || columns == 0) return;
    const winsize size{rows, columns, 0, 0};
    ioctl(stdio.input, TIOCSWINSZ, &size);
}

}  // namespace xos::loader
