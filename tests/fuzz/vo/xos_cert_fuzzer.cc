// By the first byte. L: a leaf or a PEM chain; none is by our fresh CA, so none may verify. A: the extension;
// what decodes encodes to the same bytes. R: a PKCS#10 request (DER), certified only if it is sound.
#include <cstdlib>

#include "common/credential/certificate.h"
#include "tests/unit/vo/sample_vo.h"

using namespace xos;

namespace {

const XosAttributes kUser1{"physics", "aaaaaaaa-0000-4000-8000-000000000001", "user1", 1, {}, {}};

void issue(std::span<const uint8_t> request, const SampleVo& vo) {
    const auto& ca = vo.bundle.vo.ca_certificate;
    const auto issued =
        issue_credential(join_pem(request, "CERTIFICATE REQUEST"), kUser1, ca, vo.ca_key, kNow);
    if (issued && !verify_chain(as_bytes(issued->chain_pem), ca, "physics", kNow)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const SampleVo vo;
    if (size == 0) return 0;
    const std::span<const uint8_t> bytes(data + 1, size - 1);
    if (data[0] == 'L' && verify_chain(bytes, vo.bundle.vo.ca_certificate, "physics", kNow)) std::abort();
    if (data[0] == 'A')
        if (const auto attributes = decode_attributes(bytes))
            if (!std::ranges::equal(must(encode_attributes(*attributes)), bytes)) std::abort();
    if (data[0] == 'R') issue(bytes, vo);
    return 0;
}
