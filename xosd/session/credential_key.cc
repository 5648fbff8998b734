#include "xosd/session/credential_key.h"

#include <keyutils.h>

#include <string>

#include "common/failure.h"
#include "libxos/names.h"
#include "libxos/protocol.h"

namespace xos {

bool revoke_credential_key(int32_t serial, std::string_view chain) {
    if (serial <= 0 || chain.empty()) return false;
    char description[256];
    const long size = keyctl_describe(serial, description, sizeof description);
    if (size <= 0 || size > static_cast<long>(sizeof description)) return false;
    const std::string_view text(description, static_cast<size_t>(size) - 1);  // without its NUL
    if (!text.starts_with("user;0;0;") || !text.ends_with(compose(";{}", kCredentialKey))) return false;
    std::string payload(kChainMax, '\0');
    const long length = keyctl_read(serial, payload.data(), payload.size());
    if (length <= 0 || static_cast<size_t>(length) > payload.size()) return false;
    if (std::string_view(payload.data(), static_cast<size_t>(length)) != chain) return false;
    return keyctl_revoke(serial) == 0;
}

}  // namespace xos
