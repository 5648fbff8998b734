// Bytes from the network as an SSH certificate, and as the fields of one that is signed as it should be:
// without a right signature nothing behind it would ever be reached.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "common/credential/signing_key.h"
#include "common/encoding.h"
#include "common/ssh/ssh_cert.h"
#include "common/ssh/ssh_wire.h"

namespace {

std::string pair(std::string_view name, std::string_view value) {
    std::string out;
    xos::put_string(out, name);
    xos::put_string(out, value);
    return out;
}

std::string signed_with(const xos::SigningKey& key, std::string_view principals,
                        std::string_view extensions) {
    const auto public_key = key.public_bytes();
    std::string body;
    xos::put_string(body, xos::kSshCertType);
    xos::put_string(body, "nonce");
    xos::put_string(body, xos::as_text(public_key));
    xos::put_u64(body, 1);
    xos::put_u32(body, 1);
    xos::put_string(body, "id");
    xos::put_string(body, principals);
    xos::put_u64(body, 0);
    xos::put_u64(body, 1);
    xos::put_string(body, "");
    xos::put_string(body, extensions);
    xos::put_string(body, "");
    xos::put_string(body, pair(xos::kSshKeyType, xos::as_text(public_key)));
    xos::put_string(body, pair(xos::kSshKeyType, xos::as_text(*key.sign(xos::as_bytes(body)))));
    return body;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const xos::SigningKey key = *xos::SigningKey::generate();
    const std::string_view input = xos::as_text({data, size});
    static_cast<void>(xos::ssh_blob_from_text(input));
    // nobody can have signed these bytes: they are a certificate only if the signature is not checked
    if (const auto cert = xos::decode_ssh_cert(input);
        cert && cert->public_key == xos::as_text(key.public_bytes()))
        std::abort();
    const size_t half = size / 2;
    const auto cert = xos::decode_ssh_cert(signed_with(key, input.substr(0, half), input.substr(half)));
    if (cert && cert->public_key != xos::as_text(key.public_bytes())) std::abort();
    return 0;
}
