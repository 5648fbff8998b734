#include "cda/vo_policy.h"

#include "common/json.h"
#include "common/vo/records.h"

namespace xos {

Outcome<std::string> compile_json_policy(std::string_view text) {
    const auto json = Json::parse(text, {.bytes = kPolicyMax, .depth = kPolicyDepth}, "VO policy");
    if (!json) return std::unexpected(json.error());
    const JsonNode root = json->root();
    if (!root.is_array()) return root.invalid("expected an array of rules");
    return json->format();
}

}  // namespace xos
