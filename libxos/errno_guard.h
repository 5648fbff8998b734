// Keeps errno as it was: code in other people's processes leaves no trace there. Process: any, modules
// included.
#pragma once

#include <cerrno>

namespace xos {

class ErrnoGuard {
  public:
    ErrnoGuard() = default;
    ErrnoGuard(const ErrnoGuard&) = delete;
    ErrnoGuard& operator=(const ErrnoGuard&) = delete;
    ~ErrnoGuard() { errno = saved_; }

  private:
    int saved_ = errno;
};

}  // namespace xos
