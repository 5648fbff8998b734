// xos events, against any xosd: what the command does, for its tests.
// Process: the xos command. Trusts: nothing of a process's name.
#pragma once

#include <cstdio>
#include <string>

#include "common/failure.h"
#include "libxos/names.h"

namespace xos {

struct EventWords {
    std::string job;
    bool follow = false, json = false;
};

// Prints the events of a job to out, those of each answer at once.
Outcome<int> show_events(const EventWords& words, std::FILE* out,
                         const std::string& address = kControlSocket);

}  // namespace xos
