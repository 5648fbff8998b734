// Work that may block, done in a child process with a deadline, so that the daemon's loop never waits.
//
// Owns: the child, its pidfd and the pipe its answer comes through. Process: xosd (single-threaded, so the child
// of fork may run any code). Trusts: the child's answer as far as xosd's own code is trusted; its size is capped.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "common/event_loop.h"

namespace xos {

class ChildTask {
  public:
    using Work = std::function<Outcome<std::string>()>;
    using Done = std::function<void(Outcome<std::string>)>;

    // Runs work in a child that is killed at the deadline. done is called once from the loop, with work's answer or
    // the reason why there is none. Destroying the task kills the child and done is not called.
    static Outcome<std::unique_ptr<ChildTask>> start(EventLoop& loop, std::string name, std::chrono::seconds deadline,
                                                     Work work, Done done);
    ~ChildTask();
    ChildTask(const ChildTask&) = delete;
    ChildTask& operator=(const ChildTask&) = delete;

  private:
    struct Impl;
    explicit ChildTask(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace xos
