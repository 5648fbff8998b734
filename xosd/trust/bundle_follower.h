// Keeps the bundles of VOs current: asks each VO's URL now and then, its mirrors where that fails.
//
// Owns: when which server is asked, what is known of its health. Process: xosd, in its loop. Trusts: nothing
// that a server sends: TrustStore takes or refuses it. The last good bundle is kept whatever happens here.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/event_loop.h"
#include "xosd/fetcher/fetch_client.h"
#include "xosd/node_config.h"
#include "xosd/trust/trust_store.h"

namespace xos {

// Of one followed VO, for people. Times are 0 where there is none yet.
struct FollowedVo {
    std::string url;
    std::string source;  // the URL that answered last
    std::chrono::sys_seconds asked, failing_since;
    std::string error;  // of the last attempt; empty: it was good
};

class BundleFollower {
  public:
    using Done = std::function<void(Outcome<void>)>;

    using Publish = std::function<void(Done)>;

    // All outlive the follower. publish makes the accounts of what was taken visible: TrustStore::publish().
    BundleFollower(EventLoop& loop, const NodeConfig& config, TrustStore& trust, FetchClient& fetcher,
                   Publish publish)
        : loop_(loop), config_(config), trust_(trust), fetcher_(fetcher), publish_(std::move(publish)) {}

    // Follows every VO of the TrustStore that has a URL.
    Outcome<void> start();
    // Fetches the bundle at url, takes it under fingerprint and follows it from then on. taken: its name; the
    // VO's accounts are visible.
    void follow(const std::string& url, const std::string& fingerprint,
                std::function<void(Outcome<std::string>)> taken);
    // Asks now. Errc::not_found: the VO is not followed by a URL.
    void refresh(const std::string& vo, Done done);
    void forget(std::string_view vo);

    const FollowedVo* find(std::string_view vo) const;

  private:
    struct Validators {
        std::string etag, modified;
    };
    struct Entry {
        FollowedVo state;
        std::string fingerprint;
        std::map<std::string, Validators> validators = {};  // by URL, of what is taken
        std::vector<Done> waiting = {};
        bool asking = false, said_old = false;
        EventSource timer = {};
    };
    struct Attempt;  // one round over the sources
    using AttemptPtr = std::shared_ptr<Attempt>;

    void add(const std::string& vo, const std::string& url, const std::string& fingerprint);
    void schedule(const std::string& vo, std::chrono::milliseconds delay);
    void ask(const std::string& vo);
    void ask_source(const AttemptPtr& attempt);
    void take_answer(const AttemptPtr& attempt, Outcome<Fetched> fetched);
    void take_outcome(const AttemptPtr& attempt, const FetchAnswer& answer, bool was_delta,
                      Outcome<TakenBundle> taken);
    void next_source(const AttemptPtr& attempt, const Failure& failed);
    void finish(const AttemptPtr& attempt, Outcome<void> outcome);
    void warn_of_age(Entry& entry, const std::string& vo) const;
    void note(Entry& entry, const std::string& vo, const Attempt& attempt, const Outcome<void>& outcome);
    FetchRequest make_request(const Attempt& attempt) const;
    std::vector<std::string> sources_of(const std::string& vo, const std::string& url) const;

    EventLoop& loop_;
    const NodeConfig& config_;
    TrustStore& trust_;
    FetchClient& fetcher_;
    Publish publish_;
    std::map<std::string, Entry, std::less<>> followed_;
};

// url with "since=SERIAL" in its query.
std::string add_since(const std::string& url, uint64_t serial);

}  // namespace xos
