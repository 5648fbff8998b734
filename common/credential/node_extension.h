// The extension of a node's certificate as DER (common/credential/node_certificate.h). Process: programs
// only. Trusts: nothing that it decodes.
#pragma once

#include "common/credential/node_certificate.h"

namespace xos {

Outcome<Bytes> encode_node_extension(const CertifiedNode& node);
// Accepts what encode_node_extension() makes, and no second spelling of it.
Outcome<CertifiedNode> decode_node_extension(std::span<const uint8_t> der);

}  // namespace xos
