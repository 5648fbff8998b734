// The key in a certificate request, for an authority that knows its members by their keys.
//
// Process: the authority. Trusts: nothing in a request.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "common/failure.h"

namespace xos {

// The raw Ed25519 key that a PKCS#10 PEM request asks a certificate for. It is signed by that key, which
// proves possession, and its subject is CN=<login>, as make_request() writes it; other keys are refused.
Outcome<std::array<uint8_t, 32>> read_request_key(std::string_view request_pem, std::string_view login);

}  // namespace xos
