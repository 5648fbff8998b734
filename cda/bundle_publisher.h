// Bundles as a web server hands them out: full or as the difference since a serial, compressed, with an ETag.
//
// Owns: which of these an answer is, and the last signed bundle of each VO, made again when its content has
// changed or half of its life is over. Process: xos-cda serve. Trusts: the Authority; nothing in a request.
// It holds a VO's content and keeps it current by the authority's log of changes; bodies are kept until the
// next issue.
#pragma once

#include <chrono>
#include <map>
#include <memory>
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
    struct Issue {
        VoContent content;
        ContentDigest digest{};
        std::string tag;                         // names content and dates, the same for every body of them
        std::map<uint64_t, std::string> bodies;  // by since; 0 is the whole
        std::map<uint64_t, std::string> packed;  // the same, compressed
    };

    Outcome<Issue*> find_issue(std::string_view vo, std::chrono::sys_seconds now);
    Outcome<VoContent> read_newer(const VoIdentity& identity, const Issue* last,
                                  std::chrono::sys_seconds now);
    Outcome<const std::string*> find_body(Issue& issue, std::optional<uint64_t> since, bool zstd);
    Outcome<std::string> make_body(const Issue& issue, uint64_t since);

    Authority& authority_;
    std::map<std::string, std::unique_ptr<Issue>, std::less<>> issues_;
};

}  // namespace xos
