// Errors that a person or a log reads.
//
// Owns: Failure and Outcome<T>. Process: programs only (modules use libxos/result.h).
// A message says what happened, to what, and what to do next. It never holds a secret.
#pragma once

#include <cstring>
#include <expected>
#include <format>
#include <string>
#include <string_view>
#include <utility>

#include "libxos/result.h"

namespace xos {

struct Failure {
    Errc code = Errc::system;
    std::string message;
};

template <typename T>
using Outcome = std::expected<T, Failure>;

// std::format, compiled once: its machinery is instantiated in failure.cc and not in every file that writes a
// message.
std::string vcompose(std::string_view format, std::format_args args);
template <typename... Args>
std::string compose(std::format_string<Args...> format, Args&&... args) {
    return vcompose(format.get(), std::make_format_args(args...));
}

template <typename... Args>
std::unexpected<Failure> failure(Errc code, std::format_string<Args...> format, Args&&... args) {
    return std::unexpected(Failure{code, vcompose(format.get(), std::make_format_args(args...))});
}

// The failure of a system call: "cannot STEP: strerror". errnum is errno, read right after the call.
std::unexpected<Failure> errno_failure(int errnum, std::string text);
template <typename... Args>
std::unexpected<Failure> failure_errno(int errnum, std::format_string<Args...> format, Args&&... args) {
    return errno_failure(errnum, vcompose(format.get(), std::make_format_args(args...)));
}

Failure to_failure(const Error& error);

}  // namespace xos
