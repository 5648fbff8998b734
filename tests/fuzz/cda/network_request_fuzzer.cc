// Bytes as a path and as the body of a request: neither a crash nor a statement that no key of ours has
// signed.
#include <array>
#include <cstdlib>

#include "cda/network_request.h"
#include "common/vo/member_request.h"
#include "libxos/login_name.h"

using namespace xos;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    for (const char* method : {"GET", "POST"})
        if (const auto route = read_route(method, text); route && !is_vo_name(route->vo)) std::abort();
    static_cast<void>(read_since(text));
    static_cast<void>(accepts_encoding(text, "zstd"));
    const auto body = parse_body(text);
    if (!body) return 0;
    const JsonNode root = body->root();
    if (const auto enroll = read_enroll_body(root); enroll && !parse_login_name(enroll->login)) std::abort();
    static_cast<void>(read_token_body(root));
    // RFC 8032, section 7.1, the key of test 1: nobody signs with it here
    const std::array<uint8_t, 32> nobody{0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe,
                                         0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6,
                                         0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a};
    for (const MemberAction action : {MemberAction::credential, MemberAction::leave})
        if (open_member_request(root, action, nobody, {})) std::abort();
    return 0;
}
