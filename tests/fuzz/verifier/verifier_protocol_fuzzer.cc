// Packets between xosd and a verifier that was taken over: what is accepted must mean what its encoding says.
#include <cstdint>
#include <cstdlib>

#include "common/encoding.h"
#include "xosd/verifier/verifier_protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view packet = xos::as_text({data, size});
    if (const auto numbered = xos::decode_request(packet))
        if (xos::encode_request(numbered->id, numbered->request) != packet) std::abort();
    if (const auto answer = xos::decode_answer(packet))
        if (answer->credential && xos::encode_answer(answer->id, answer->credential) != packet) std::abort();
    return 0;
}
