// From the bytes of a bundle or delta to a TrustedVo that can take the place of the last one.
//
// Owns: the opening, which takes seconds for a large VO: made for a thread beside xosd's loop. Process: xosd.
// Trusts: the pin. Touches nothing of the daemon: what it needs is handed in, what it makes is handed out.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/failure.h"
#include "xosd/trust/bundle_difference.h"
#include "xosd/trust/trusted_vo.h"

namespace xos {

// A larger whole bundle lies in a file beside the state database, so that no transaction takes long.
inline constexpr size_t kBundleInDatabaseMax = 1024 * 1024;

struct PinnedVo {
    std::string fingerprint;
    std::shared_ptr<const TrustedVo> vo;  // null where what is stored does not open any more
};
using PinnedVos = std::map<std::string, PinnedVo, std::less<>>;

struct BundleUpdate {
    std::string name, fingerprint;
    std::shared_ptr<const TrustedVo> base = nullptr;  // that was there when it was made; null for a first one
    std::shared_ptr<TrustedVo> vo = nullptr;          // uid base not set yet
    BundleDifference difference = {};                 // from base
    std::string bytes = {};                           // to store; empty where file is set
    std::string file = {};    // the name of a file that was written in directory, synced
    std::string digest = {};  // of the bytes; of a delta's none
    bool is_delta = false;
    bool unchanged = false;  // content and dates are base's: nothing to store
};

// What a bundle must be to be taken.
struct UpdateTerms {
    std::string fingerprint;  // empty for a VO that is pinned already
    std::string vo;           // the name that it must have; empty: any
    std::string url = {};  // must be one of the authority that its VO record names; empty: came from anywhere
};

struct UpdateRequest {
    UpdateTerms terms;
    std::string directory;  // for large bundles; empty: keep them in the database
    PinnedVos pinned;
};

// Refused: another fingerprint than the pinned one, another VO or URL than the terms have, what open_update()
// refuses, a policy that is not
// understood, a member with a local user's name.
Outcome<BundleUpdate> prepare_update(std::string_view bytes, const UpdateRequest& request,
                                     std::chrono::sys_seconds now);

// What is derived from bundle, for one that was opened.
Outcome<std::shared_ptr<TrustedVo>> make_trusted(Bundle bundle, std::string_view fingerprint);

// Whether url is one of the authority whose base URL is given.
bool is_url_of(std::string_view url, std::string_view authority);

// The name in a bundle or delta, unverified: only to find the pin to verify it with.
std::optional<std::string> peek_vo_name(std::string_view bundle);

}  // namespace xos
