#include "cda/audit.h"

#include "common/log.h"

namespace xos {

void audit_grant(std::string_view event, const AuditWho& who, const AuditCredential& credential) {
    log(Level::notice, event,
        {{"vo", who.vo},
         {"user", who.user},
         {"serial", credential.serial},
         {"fingerprint", credential.fingerprint},
         {"address", who.address},
         {"decision", "granted"}});
}

void audit_refusal(std::string_view what, const AuditWho& who, std::string_view reason) {
    log(Level::notice, "request refused",
        {{"what", std::string(what)},
         {"vo", who.vo},
         {"user", who.user},
         {"address", who.address},
         {"decision", "refused"},
         {"reason", std::string(reason)}});
}

}  // namespace xos
