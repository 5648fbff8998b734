// Two doors, by the first byte. D: the input is a delta's file; none is by our pinned key, so none may open.
// P: it is a delta that the registrar signed, with the digest set right or not ("p"): what applies keeps all
// rules, has that digest, and seals again to the same.
#include <cstdlib>

#include "common/encoding.h"
#include "tests/unit/vo/sample_delta.h"

using namespace xos;

namespace {

const SampleVo& sample() {
    static const SampleVo vo;
    return vo;
}

void apply_payload(std::string_view payload, bool mend) {
    static const auto vo = must(Json::parse(sample().statement(), {}, "vo"));
    const auto file = [](std::string_view text) {
        return JsonObject()
            .set("xos-bundle-delta", Json::integer(1))
            .set("vo_key", Json::string(encode_base64url(sample().vo_key.public_bytes())))
            .set("vo", vo)
            .set("delta", must(sign_statement(text, "xos-bundle-delta+json", sample().registrar_key)))
            .build()
            .format();
    };
    auto delta = open_delta(file(payload), sample().fingerprint(), kNow);
    if (!delta) return;
    if (mend) delta->digest = must(digest_content(merge_delta(sample().bundle, *delta)));
    const auto applied = apply_delta(sample().bundle, *delta);
    if (!applied) return;
    if (!check_bundle(*applied) || must(digest_content(*applied)) != delta->digest) std::abort();
    if (applied->serial < sample().bundle.serial) std::abort();
    const std::string sealed = seal(sample(), *delta);
    if (open_delta(sealed, sample().fingerprint(), kNow) != *delta) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    const std::string_view text = as_text({data + 1, size - 1});
    if (data[0] == 'D' && open_update(text, sample().fingerprint(), &sample().bundle, kNow)) std::abort();
    if (data[0] == 'P' || data[0] == 'p') apply_payload(text, data[0] == 'P');
    return 0;
}
