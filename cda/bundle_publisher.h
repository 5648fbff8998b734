// Bundles as a web server hands them out: full or as the difference since a serial, compressed, with an ETag.
//
// Owns: which of these an answer is, and the last signed bundle of each VO, made again when its content has changed
// or half of its life is over. Process: xos-cda serve. Trusts: the Authority; nothing in a request.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "cda/authority.h"
#include "common/failure.h"

namespace xos {

struct BundleRequest {
    std::string_view vo;
    std::optional<uint64_t> since;   // serial of the content that the asker has; nothing: it has none
    std::string_view if_none_match;  // the header of that name, or empty
    bool zstd = false;               // the asker takes Content-Encoding: zstd
};

struct BundleResponse {
    bool not_modified = false;  // 304: no body
    bool zstd = false;          // how body is encoded
    std::string etag;           // with its quotes
    std::string body;
};

class BundlePublisher {
  public:
    explicit BundlePublisher(Authority& authority) : authority_(authority) {}
    // Errc::not_found: no such VO here. Called from one thread.
    Outcome<BundleResponse> answer(const BundleRequest& request, std::chrono::sys_seconds now);

  private:
    Authority& authority_;
};

}  // namespace xos
