// SSSD as a peer: its proxy provider over the yardstick, which costs its backend next to nothing, and a
// memory cache that all users fit in and that outlasts the bench. That is the best case for it.
#pragma once

#include <sys/types.h>

#include <utility>

#include "bench/peers.h"

namespace xos::bench {

class Sssd {
  public:
    // Starts it in the private root, without systemd or D-Bus, and asks for every account, and for every name
    // of missing, twice: then its caches hold all answers. Floor's file must be there.
    [[nodiscard]] static Outcome<Sssd> start(const Module& module, const Population& population,
                                             const std::vector<std::string>& missing);
    Sssd(Sssd&& other) noexcept : process_(std::exchange(other.process_, 0)) {}
    Sssd& operator=(Sssd&&) = delete;
    Sssd(const Sssd&) = delete;
    Sssd& operator=(const Sssd&) = delete;
    ~Sssd();  // ends it, and waits for that

  private:
    explicit Sssd(pid_t process) : process_(process) {}
    pid_t process_;  // leads a process group of its own
};

}  // namespace xos::bench
