// The end of the processes in the job: each is asked to end, and has a while for it.
//
// Owns: whether they were asked, how the application ended and since when what it left is waited for.
// Process: xos-loader. Trusts: nothing in the job: who does not end is killed by the kernel with the loader.
#pragma once

#include <cstdint>

namespace xos::loader {

class Ending {
  public:
    // SIGTERM to every process of the job but the loader. Once: to many programs a second one means "at
    // once".
    void ask_all();
    // The application has ended with status; what it has left may take grace_millis.
    void begin(int status, uint32_t grace_millis);
    bool begun() const { return begun_; }
    int status() const { return status_; }
    int millis_left() const;  // 0: they have had their time

  private:
    bool asked_ = false, begun_ = false;
    int status_ = 0;
    int64_t since_ = 0, grace_ = 0;  // milliseconds of CLOCK_MONOTONIC
};

}  // namespace xos::loader
