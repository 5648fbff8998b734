// Lists of members from elsewhere: a table (CSV, RFC 4180) or a grid-mapfile.
//
// Owns: the two grammars. Pure. Process: xos-cda. Trusts: nothing; every field passes the grammar of what it
// becomes (a name, a distinguished name) before it is more than bytes, so no formula, path or line end gets
// into a record. All mistakes are told at once, each with its line, the first kImportFaultsMax of them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/failure.h"
#include "common/vo/grid_identity.h"

namespace xos {

inline constexpr size_t kImportMax = 32 * 1024 * 1024;  // bytes of a file
inline constexpr size_t kImportRowsMax = 250000;
inline constexpr size_t kImportLineMax = 16 * 1024;  // bytes
inline constexpr size_t kImportFaultsMax = 20;

// One member to be: is_user_name() and is_distinguished_name() hold, names are sorted and different.
struct ImportRow {
    size_t line = 0;  // where it begins, from 1
    std::string name;
    std::vector<std::string> groups, roles;
    std::vector<GridIdentity> identities;
};

// Below a header that names the columns, in any order: name, and if wanted groups, roles, issuer, subject.
// Groups and roles are separated by ';' or blanks. No name and no identity twice.
Outcome<std::vector<ImportRow>> parse_member_csv(std::string_view text);

// Lines of a subject ("quoted", with \" \\ and \xHH, or bare up to a blank) and names separated by commas, of
// which the first counts; lines that begin with '#' are comments. Several lines may give one name several
// subjects. issuer: the CA of all subjects. /Email= and /E= become /emailAddress=, /USERID= becomes /UID=, as
// OpenSSL writes them.
Outcome<std::vector<ImportRow>> parse_gridmap(std::string_view text, std::string_view issuer);

// Mistakes of a file, as they are found.
class ImportFaults {
  public:
    void add(size_t line, std::string_view what);
    bool any() const { return count_ != 0; }
    std::unexpected<Failure> get() const;

  private:
    size_t count_ = 0;
    std::string text_;
};

}  // namespace xos
