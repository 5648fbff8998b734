// Errors as values, for code that may run inside other people's processes.
//
// Owns: the Error type and Result<T>. Process: any. Trusts: nothing.
// Programs that speak to people use Outcome<T> of common/failure.h, whose messages are composed.
#pragma once

#include <cerrno>
#include <cstdint>
#include <expected>

namespace xos {

enum class Errc : uint8_t {
    not_found,    // the thing asked for does not exist; an expected answer
    denied,       // policy or ownership says no; an expected answer
    invalid,      // input that breaks its grammar or limits
    unavailable,  // the source of the answer is absent, corrupt or not answering
    too_small,    // the caller's buffer cannot hold the answer (ERANGE)
    timeout,      // the deadline passed
    exists,       // the thing to be made is there already
    conflict,     // it contradicts what is recorded (a serial, a uid block, a revision)
    system,       // a system call failed; Error::sys says how
};

struct Error {
    Errc code;
    int sys = 0;            // errno of the failed call, 0 where there was none
    const char* step = "";  // static text that names the failed step
};

template <typename T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(Errc code, const char* step, int sys = 0) {
    return std::unexpected(Error{code, sys, step});
}

// The error of the system call that just failed: call it at once, before anything can change errno.
inline std::unexpected<Error> fail_errno(const char* step) {
    return std::unexpected(Error{Errc::system, errno, step});
}

}  // namespace xos
