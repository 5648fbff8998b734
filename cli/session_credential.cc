#include "cli/session_credential.h"

#include <keyutils.h>
#include <sys/types.h>

#include <cstdio>
#include <vector>

#include "libxos/names.h"

namespace xos {
namespace {

// Who owns a key stands in its description: "type;uid;gid;permissions;name" (keyctl_describe(3)).
bool is_owned_by_root(key_serial_t key) {
    std::vector<char> text(512);
    const long length = keyctl_describe(key, text.data(), text.size());
    if (length < 0 || static_cast<size_t>(length) > text.size()) return false;
    unsigned uid = 1, gid = 1;
    return std::sscanf(text.data(), "user;%u;%u;", &uid, &gid) == 2 && uid == 0 && gid == 0;
}

}  // namespace

Outcome<std::string> read_session_credential() {
    const long key = keyctl_search(KEY_SPEC_SESSION_KEYRING, "user", kCredentialKey, 0);
    if (key < 0 && (errno == EKEYEXPIRED || errno == EKEYREVOKED))
        return failure_errno(errno, "the credential of this session has ended");
    if (key < 0) return failure(Errc::not_found, "this session has no credential");
    const auto serial = static_cast<key_serial_t>(key);
    if (!is_owned_by_root(serial))
        return failure(Errc::denied, "the key {} of this session was not made by the node", kCredentialKey);
    std::string payload(kCredentialMax, '\0');
    const long length = keyctl_read(serial, payload.data(), payload.size());
    if (length < 0) return failure_errno(errno, "cannot read the credential of this session");
    if (static_cast<size_t>(length) > payload.size())
        return failure(Errc::invalid, "the credential is too large");
    payload.resize(static_cast<size_t>(length));
    return payload;
}

}  // namespace xos
