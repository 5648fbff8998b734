// From Result to what the name service switch wants to hear.
//
// Owns: the one mapping of errors to NSS codes. Process: any that looks up a name.
// Trusts: nothing.
#pragma once

#include <nss.h>

#include <cerrno>

#include "libxos/result.h"

namespace xos {

// *errnop usually is errno, which a look-up leaves alone by itself. getpwnam(3) counts ENOENT among the ways
// to say "no such user", and a caller that sees ERANGE tries again with a larger buffer: neither may stand
// for a source that does not answer.
inline nss_status answer_error(const Error& error, int* errnop) {
    switch (error.code) {
        case Errc::not_found:
            *errnop = ENOENT;
            return NSS_STATUS_NOTFOUND;
        case Errc::too_small:
            *errnop = ERANGE;
            return NSS_STATUS_TRYAGAIN;
        default:
            *errnop = error.sys == 0 || error.sys == ENOENT || error.sys == ENOTDIR || error.sys == ERANGE
                          ? EIO
                          : error.sys;
            return error.sys == ENOMEM ? NSS_STATUS_TRYAGAIN : NSS_STATUS_UNAVAIL;
    }
}

}  // namespace xos
