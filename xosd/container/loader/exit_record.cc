#include "xosd/container/loader/exit_record.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

#include "xosd/container/loader_protocol.h"

namespace xos::loader {
namespace {

bool write_synced(int dir, const char* text, size_t size) {
    const int fd = openat(dir, "exit.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return false;
    const bool written = write(fd, text, size) == static_cast<ssize_t>(size) && fsync(fd) == 0;
    close(fd);
    return written;
}

bool record(const char* text, size_t size) {
    const int dir = open(kLoaderDir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) return false;
    const bool kept =
        write_synced(dir, text, size) && renameat(dir, "exit.new", dir, kLoaderExit) == 0 && fsync(dir) == 0;
    close(dir);
    return kept;
}

}  // namespace

bool record_status(int wait_status) {
    char text[32];
    const int size = snprintf(text, sizeof text, "status %d\n", wait_status);
    return record(text, static_cast<size_t>(size));
}

bool record_exec_error(int error, const char* what) {
    char text[512];
    int size = snprintf(text, sizeof text, "exec %d %.400s\n", error, what);
    // a name with a line break must not look like a second record
    for (int i = 0; i < size - 1; i++)
        if (text[i] == '\n') text[i] = '?';
    return record(text, static_cast<size_t>(size));
}

}  // namespace xos::loader
