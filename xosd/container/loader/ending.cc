#include "xosd/container/loader/ending.h"

#include <signal.h>
#include <time.h>

namespace xos::loader {
namespace {

int64_t now_millis() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

}  // namespace

// From pid 1, -1 means all of the pid namespace and nothing else (kill(2)): the kernel walks its list of
// processes under the lock that fork takes, so none that is being born is missed, and no number is looked up
// that could be another process's by the time of the signal. What was stopped must run to see it.
void Ending::ask_all() {
    if (asked_) return;
    asked_ = true;
    kill(-1, SIGTERM);
    kill(-1, SIGCONT);
}

void Ending::begin(int status, uint32_t grace_millis) {
    begun_ = true;
    status_ = status;
    since_ = now_millis();
    grace_ = grace_millis;
}

int Ending::millis_left() const {
    const int64_t gone = now_millis() - since_;
    // restored on a machine that was started later, it has another clock
    return gone < 0 || gone >= grace_ ? 0 : static_cast<int>(grace_ - gone);
}

}  // namespace xos::loader
