// What this process writes to standard error while it lives. Process: tests only. Trusts: nothing.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "libxos/unique_fd.h"
#include "tests/unit/ssh/command.h"

namespace xos::test {

class StderrCapture {
  public:
    StderrCapture() : before_(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)) {
        const UniqueFd file(open(path().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
        dup2(file.get(), STDERR_FILENO);
    }
    ~StderrCapture() { dup2(before_.get(), STDERR_FILENO); }
    StderrCapture(const StderrCapture&) = delete;
    StderrCapture& operator=(const StderrCapture&) = delete;

    std::string text() const { return read_file(path()); }

  private:
    std::string path() const { return dir_.path / "stderr"; }

    TempDir dir_;
    UniqueFd before_;
};

}  // namespace xos::test
