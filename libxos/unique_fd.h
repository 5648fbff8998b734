// The one owner of a file descriptor. Process: any, modules included. Trusts: nothing.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace xos {

class UniqueFd {
  public:
    UniqueFd() = default;
    explicit UniqueFd(int fd) : fd_(fd) {}
    UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
    UniqueFd& operator=(UniqueFd&& other) noexcept {
        if (this != &other) reset(other.release());
        return *this;
    }
    UniqueFd(const UniqueFd&) = delete;
    UniqueFd& operator=(const UniqueFd&) = delete;
    ~UniqueFd() { reset(); }

    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }
    int release() { return std::exchange(fd_, -1); }

    // Closes what is held and takes over fd. errno is left as it was: destructors run on error paths.
    void reset(int fd = -1) {
        const int old = std::exchange(fd_, fd);
        if (old < 0) return;
        const int saved = errno;
        ::close(old);  // Linux closes the descriptor even when it answers EINTR: never repeat it
        errno = saved;
    }

  private:
    int fd_ = -1;
};

}  // namespace xos
