// Certificates and revocation lists of a grid, from files to what goes into the content of a VO.
//
// Owns: reading PEM and DER strictly with OpenSSL. Process: xos-cda. Trusts: the manager to mean what the
// files say; not the files' form: each is one kind of value, whole, in DER, below its cap.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "common/failure.h"
#include "common/vo/voms_trust.h"

namespace xos {

inline constexpr size_t kGridFileMax = 1024 * 1024;  // bytes of one file

// The certificates in text: one in DER, or PEM blocks with anything between them. what names the file in
// messages.
Outcome<std::vector<Bytes>> read_grid_certificates(std::string_view text, std::string_view what);

struct GridCrl {
    Bytes der;
    std::string issuer;  // digest of its name, in text: one list a CA is kept
    std::string issuer_name;
    std::chrono::sys_seconds this_update;
};

// The lists in text, in the same forms.
Outcome<std::vector<GridCrl>> read_grid_crls(std::string_view text, std::string_view what);
// Whether one of anchors has signed the list, Errc::denied where none has, and it says when it ends,
// Errc::invalid where it does not. Both name the issuer.
Outcome<void> check_grid_crl(const GridCrl& crl, const std::vector<Bytes>& anchors);

}  // namespace xos
