// Three doors, by the first byte. B: the input is a bundle file; none is by our pinned key, so none may open.
// C: the input is content that the registrar signed. V: it is a VO record that the VO key signed. What opens
// there keeps all rules and seals again to the same.
#include <cstdlib>

#include "common/encoding.h"
#include "tests/unit/vo/sample_vo.h"

using namespace xos;

namespace {

const SampleVo& sample() {
    static const SampleVo vo;
    return vo;
}

void open_content(std::string_view content) {
    static const std::string statement = sample().statement();
    const auto vo = must(Json::parse(statement, {}, "vo"));
    const std::string bytes =
        JsonObject()
            .set("xos-bundle", Json::integer(1))
            .set("vo_key", Json::string(encode_base64url(sample().vo_key.public_bytes())))
            .set("vo", vo)
            .set("content", must(sign_statement(content, "xos-bundle+json", sample().registrar_key)))
            .build()
            .format();
    const auto opened = sample().open(bytes);
    if (!opened) return;
    if (!check_bundle(*opened)) std::abort();
    const auto sealed =
        must(seal_bundle(*opened, statement, sample().vo_key.public_bytes(), sample().registrar_key));
    if (sample().open(sealed) != *opened) std::abort();
}

void open_record(std::string_view record) {
    const std::string statement = must(sign_statement(record, "xos-vo+json", sample().vo_key)).format();
    const auto opened = open_vo_record(statement, sample().vo_key.public_bytes());
    if (opened && !check_vo_record(*opened)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    const std::string_view text = as_text({data + 1, size - 1});
    switch (data[0]) {
        case 'B':
            if (sample().open(text)) std::abort();
            break;
        case 'C':
            open_content(text);
            break;
        case 'V':
            open_record(text);
            break;
        default:
            break;
    }
    return 0;
}
