// An Operation, watched from the daemon's loop.
//
// Owns: the operation until it is done. Process: xosd. Trusts: the operation's own deadline.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "common/event_loop.h"
#include "xosd/container/operation.h"

namespace xos {

class OperationWatch {
  public:
    // ready is called once, from the loop, when finish_operation() or its like will not wait: the result is
    // there, the child is dead, or the deadline passed. It may destroy the watch. Destroying the watch ends
    // the operation.
    static Outcome<std::unique_ptr<OperationWatch>> start(EventLoop& loop, Operation operation,
                                                          std::function<void(Operation)> ready);

  private:
    OperationWatch(Operation operation, std::function<void(Operation)> ready)
        : operation_(std::move(operation)), ready_(std::move(ready)) {}
    void finish();

    Operation operation_;
    std::function<void(Operation)> ready_;
    EventSource on_result_, on_deadline_;
};

// A set of watches that own themselves: each is dropped when it is done.
class OperationSet {
  public:
    explicit OperationSet(EventLoop& loop) : loop_(loop) {}
    // Runs work in a child; done gets its answer, from the loop or at once where it cannot be started.
    void run(std::string about, std::chrono::seconds limit, const std::function<Outcome<std::string>()>& work,
             std::function<void(Outcome<std::string>)> done);
    // Watches what another part has begun.
    Outcome<void> add(Operation operation, std::function<void(Operation)> ready);

  private:
    EventLoop& loop_;
    std::map<uint64_t, std::unique_ptr<OperationWatch>> watches_;
    uint64_t next_ = 1;
};

}  // namespace xos
