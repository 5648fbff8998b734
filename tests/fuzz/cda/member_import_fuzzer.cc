// Tables and grid-mapfiles: what is read is in the grammar of the records that it becomes, or refused.
#include <cstdlib>

#include "cda/member_import.h"
#include "libxos/login_name.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    for (const auto& rows : {xos::parse_member_csv(text), xos::parse_gridmap(text, "/CN=CA")}) {
        if (!rows) continue;
        for (const xos::ImportRow& row : *rows) {
            if (!xos::is_user_name(row.name)) std::abort();
            for (const auto* names : {&row.groups, &row.roles})
                for (const std::string& name : *names)
                    if (!xos::is_user_name(name)) std::abort();
            for (const xos::GridIdentity& identity : row.identities)
                if (!xos::is_distinguished_name(identity.issuer) ||
                    !xos::is_distinguished_name(identity.subject))
                    std::abort();
        }
    }
    return 0;
}
