#include "cli/bundle_input.h"

#include <algorithm>

#include "cli/input_file.h"
#include "common/compression.h"
#include "common/encoding.h"
#include "common/json_slices.h"
#include "common/vo/records.h"

namespace xos {

Outcome<std::string> read_bundle(const std::string& path) {
    auto bundle = read_input(path, kBundleMax);
    if (!bundle || !is_compressed(*bundle)) return bundle;
    bundle = decompress_text(*bundle, kBundleMax);
    if (!bundle) return failure(bundle.error().code, "{}: {}", path, bundle.error().message);
    return bundle;
}

Outcome<std::array<uint8_t, 32>> named_vo_key(std::string_view bundle) {
    const auto fields = slice_object(bundle, "bundle");
    if (!fields) return std::unexpected(fields.error());
    const JsonField* const field = find_field(*fields, "vo_key");
    if (field == nullptr) return failure(Errc::invalid, "bundle: the key \"vo_key\" is missing");
    const auto text = slice_string(*field, "bundle");
    if (!text) return std::unexpected(text.error());
    std::array<uint8_t, 32> key{};
    const auto bytes = decode_base64url(*text);
    if (!bytes || bytes->size() != key.size())
        return failure(Errc::invalid, "bundle: vo_key: expected a key of 32 bytes");
    std::ranges::copy(*bytes, key.begin());
    return key;
}

}  // namespace xos
