// OpenSSL's error queue as a Failure. Process: programs only.
#pragma once

#include <openssl/err.h>

#include <string>

#include "common/failure.h"

namespace xos {

// "MESSAGE: OpenSSL's reason", taken from the end of this thread's error queue, which is emptied.
inline std::unexpected<Failure> openssl_failure(Errc code, std::string message) {
    const unsigned long error = ERR_peek_last_error();
    const char* reason = ERR_reason_error_string(error);
    ERR_clear_error();
    return std::unexpected(Failure{code, reason ? message + ": " + reason : std::move(message)});
}

}  // namespace xos
