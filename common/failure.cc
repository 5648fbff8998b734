#include "common/failure.h"

#include <cstring>

namespace xos {

std::string vcompose(std::string_view format, std::format_args args) {
    return std::vformat(format, args);
}

std::unexpected<Failure> errno_failure(int errnum, std::string text) {
    char buffer[128];
    text += ": ";
    text += strerror_r(errnum, buffer, sizeof buffer);
    return std::unexpected(Failure{Errc::system, std::move(text)});
}

Failure to_failure(const Error& error) {
    if (error.sys == 0) return Failure{error.code, error.step};
    Failure failed = errno_failure(error.sys, error.step).error();
    failed.code = error.code;
    return failed;
}

}  // namespace xos
