// Whatever parses is read and formatted; what is formatted is JSON, and stays as it is.
#include <cstdlib>

#include "common/encoding.h"
#include "common/json.h"

using namespace xos;

namespace {

void read_all(const JsonNode& node) {
    static_cast<void>(node.path());
    static_cast<void>(node.integer(0, UINT64_MAX));
    static_cast<void>(node.text(100));
    static_cast<void>(node.boolean());
    static_cast<void>(node.object({"a"}));
    if (const auto count = node.array(1000))
        for (size_t i = 0; i < *count; ++i) read_all(node.at(i));
    for (const std::string_view key : node.keys())
        if (const auto field = node.find(std::string(key).c_str())) read_all(*field);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const auto json = Json::parse(as_text({data, size}), {}, "input");
    if (!json) return 0;
    const JsonNode root = json->root();
    read_all(root);
    const std::string text = json->format();
    const auto again = Json::parse(text, {.bytes = SIZE_MAX}, "again");
    if (!again || again->format() != text) std::abort();
    return 0;
}
