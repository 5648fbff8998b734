#include "xosd/container/loader/job_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace xos::loader {
namespace {

// Hands out the strings of the file one after the other; fails for good at the end of the bytes.
struct Strings {
    char* at;
    char* end;

    char* next() {
        if (at == nullptr) return nullptr;
        char* const start = at;
        char* const stop = static_cast<char*>(memchr(at, 0, static_cast<size_t>(end - at)));
        at = stop == nullptr ? nullptr : stop + 1;
        return stop == nullptr ? nullptr : start;
    }
    char** list(uint32_t count) {
        char** out = static_cast<char**>(calloc(count + size_t{1}, sizeof(char*)));
        for (uint32_t i = 0; out != nullptr && i < count; i++)
            if ((out[i] = next()) == nullptr) return nullptr;
        return out;
    }
};

char* read_whole(int fd, size_t size) {
    char* bytes = static_cast<char*>(malloc(size));
    for (size_t done = 0; bytes != nullptr && done < size;) {
        const ssize_t n = read(fd, bytes + done, size - done);
        if (n <= 0) return nullptr;
        done += static_cast<size_t>(n);
    }
    return bytes;
}

}  // namespace

bool read_job(const char* path, Job& job) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return false;
    struct stat st{};
    char* bytes = nullptr;
    if (fstat(fd, &st) == 0 && st.st_size >= static_cast<off_t>(sizeof job.header) &&
        st.st_size <= static_cast<off_t>(kJobFileMax))
        bytes = read_whole(fd, static_cast<size_t>(st.st_size));
    close(fd);
    unlink(path);
    errno = EBADMSG;
    if (bytes == nullptr) return false;
    memcpy(&job.header, bytes, sizeof job.header);
    const JobHeader& header = job.header;
    const size_t size = static_cast<size_t>(st.st_size), groups = header.group_count * sizeof(uint32_t);
    if (header.magic != kJobMagic || header.group_count > kJobGroupsMax || header.argument_count == 0 ||
        header.argument_count > size || header.environment_count > size || sizeof header + groups > size)
        return false;
    // malloc aligns the start, and the header is a multiple of four bytes
    job.groups = reinterpret_cast<const uint32_t*>(static_cast<void*>(bytes + sizeof header));
    Strings strings{bytes + sizeof header + groups, bytes + size};
    job.directory = strings.next();
    job.output = strings.next();
    job.arguments = strings.list(header.argument_count);
    job.environment = strings.list(header.environment_count);
    return job.directory != nullptr && job.output != nullptr && job.arguments != nullptr &&
           job.environment != nullptr;
}

}  // namespace xos::loader
