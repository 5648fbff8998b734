// Errors that a person or a log reads.
//
// Owns: Failure and Outcome<T>. Process: programs only (modules use libxos/result.h).
// A message says what happened, to what, and what to do next. It never holds a secret.
#pragma once

#include <cstring>
#include <expected>
#include <format>
#include <string>
#include <utility>

#include "libxos/result.h"

namespace xos {

struct Failure {
    Errc code = Errc::system;
    std::string message;
};

template <typename T>
using Outcome = std::expected<T, Failure>;

template <typename... Args>
std::unexpected<Failure> failure(Errc code, std::format_string<Args...> format, Args&&... args) {
    return std::unexpected(Failure{code, std::format(format, std::forward<Args>(args)...)});
}

// The failure of a system call: "cannot STEP: strerror". errnum is errno, read right after the call.
template <typename... Args>
std::unexpected<Failure> failure_errno(int errnum, std::format_string<Args...> format, Args&&... args) {
    std::string text = std::format(format, std::forward<Args>(args)...);
    char buffer[128];
    text += ": ";
    text += strerror_r(errnum, buffer, sizeof buffer);
    return std::unexpected(Failure{Errc::system, std::move(text)});
}

inline Failure to_failure(const Error& error) {
    std::string text = error.step;
    if (error.sys != 0) {
        char buffer[128];
        text += ": ";
        text += strerror_r(error.sys, buffer, sizeof buffer);
    }
    return Failure{error.code, std::move(text)};
}

}  // namespace xos
