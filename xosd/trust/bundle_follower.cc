#include "xosd/trust/bundle_follower.h"

#include <random>

#include "common/clock.h"
#include "common/log.h"
#include "common/vo/bundle_delta.h"

namespace xos {
namespace {

constexpr auto kFirstDelay =
    std::chrono::milliseconds(500);  // after a start of the daemon: at most, jittered
constexpr double kJitter = 0.2;      // of the interval, to both sides

std::chrono::milliseconds jittered(std::chrono::milliseconds around) {
    static std::minstd_rand random{std::random_device{}()};
    const auto width = static_cast<double>(around.count()) * kJitter;
    return around + std::chrono::milliseconds(
                        static_cast<int64_t>(std::uniform_real_distribution<double>(-width, width)(random)));
}

}  // namespace

// What one round is about. vo is empty for a VO that is followed for the first time.
struct BundleFollower::Attempt {
    std::string vo, fingerprint, url;
    std::vector<std::string> sources;
    size_t at = 0;
    bool whole = false;                  // no difference, no conditions
    bool unverified = false;             // TLS without a check, for a VO whose pin is not known yet
    std::string source;                  // that answered
    std::optional<Failure> failed = {};  // of the first source, which counts
    std::function<void(Outcome<std::string>)> taken = {};  // of a first time
};

std::string add_since(const std::string& url, uint64_t serial) {
    return compose("{}{}since={}", url, url.contains('?') ? '&' : '?', serial);
}

Outcome<void> BundleFollower::start() {
    const auto stored = trust_.list_followed();
    if (!stored) return std::unexpected(stored.error());
    for (const ArchivedVo& vo : *stored) {
        if (vo.url.empty()) continue;
        add(vo.vo, vo.url, vo.fingerprint);
        schedule(vo.vo, jittered(kFirstDelay));
    }
    return {};
}

void BundleFollower::add(const std::string& vo, const std::string& url, const std::string& fingerprint) {
    Entry& entry = followed_[vo];
    if (entry.state.url != url) entry.validators.clear();
    entry.state.url = url;
    entry.fingerprint = fingerprint;
}

void BundleFollower::forget(std::string_view vo) {
    if (const auto found = followed_.find(vo); found != followed_.end()) {
        const std::vector<Done> waiting = std::move(found->second.waiting);
        followed_.erase(found);
        for (const Done& done : waiting)
            done(failure(Errc::not_found, "VO {} is not trusted here any more", vo));
    }
}

const FollowedVo* BundleFollower::find(std::string_view vo) const {
    const auto found = followed_.find(vo);
    return found == followed_.end() ? nullptr : &found->second.state;
}

void BundleFollower::schedule(const std::string& vo, std::chrono::milliseconds delay) {
    const auto found = followed_.find(vo);
    if (found == followed_.end()) return;
    auto timer = loop_.after(delay, [this, vo] { ask(vo); });
    if (timer)
        found->second.timer = *std::move(timer);
    else
        log(Level::error, "VO not followed", {{"vo", vo}, {"reason", timer.error().message}});
}

void BundleFollower::refresh(const std::string& vo, Done done) {
    const auto found = followed_.find(vo);
    if (found == followed_.end())
        return done(
            failure(Errc::not_found, "VO {} is not followed by a URL here: see 'xos vo trusted'", vo));
    found->second.waiting.push_back(std::move(done));
    ask(vo);
}

std::vector<std::string> BundleFollower::sources_of(const std::string& vo, const std::string& url) const {
    std::vector<std::string> sources = {url};
    if (const TrustedVo* trusted = trust_.find(vo))
        for (const std::string& mirror : trusted->bundle.vo.mirrors)
            if (std::ranges::find(sources, mirror) == sources.end()) sources.push_back(mirror);
    return sources;
}

void BundleFollower::ask(const std::string& vo) {
    const auto found = followed_.find(vo);
    if (found == followed_.end() || found->second.asking) return;
    found->second.asking = true;
    found->second.timer = {};
    auto attempt = std::make_shared<Attempt>();
    attempt->vo = vo;
    attempt->url = found->second.state.url;
    attempt->fingerprint = found->second.fingerprint;
    attempt->sources = sources_of(vo, attempt->url);
    ask_source(attempt);
}

void BundleFollower::follow(const std::string& url, const std::string& fingerprint,
                            std::function<void(Outcome<std::string>)> taken) {
    if (!is_web_url(url))
        return taken(failure(Errc::invalid, "'{}' is no http:// or https:// URL of a bundle", url));
    auto attempt = std::make_shared<Attempt>();
    attempt->url = url;
    attempt->fingerprint = fingerprint;
    attempt->sources = {url};
    attempt->whole = true;
    attempt->taken = std::move(taken);
    ask_source(attempt);
}

FetchRequest BundleFollower::make_request(const Attempt& attempt) const {
    const std::string& url = attempt.sources[attempt.at];
    FetchRequest request{.url = url, .max = kBundleMax, .deadline = config_.bundles.deadline};
    const TrustedVo* const trusted = attempt.vo.empty() ? nullptr : trust_.find(attempt.vo);
    if (trusted != nullptr && !attempt.whole) {
        const auto since = trust_.since_of(attempt.vo);
        if (since) request.url = add_since(url, *since);
        const auto entry = followed_.find(attempt.vo);
        if (entry != followed_.end() && entry->second.validators.contains(url)) {
            request.etag = entry->second.validators.at(url).etag;
            request.modified = entry->second.validators.at(url).modified;
        }
        if (!is_web_url(request.url)) request.url = url;  // too long with it
    }
    const VoRecord* const record = trusted == nullptr ? nullptr : &trusted->bundle.vo;
    if (record != nullptr && is_url_of(url, record->authority)) {
        request.tls = TlsCheck::pinned;
        request.pin = record->authority_pin;
    } else if (attempt.unverified) {
        request.tls = TlsCheck::none;
    }
    return request;
}

void BundleFollower::ask_source(const AttemptPtr& attempt) {
    fetcher_.fetch(make_request(*attempt),
                   [this, attempt](Outcome<Fetched> fetched) { take_answer(attempt, std::move(fetched)); });
}

void BundleFollower::take_answer(const AttemptPtr& attempt, Outcome<Fetched> fetched) {
    if (!attempt->vo.empty() && !followed_.contains(attempt->vo)) return;  // forgotten meanwhile
    if (!fetched) {
        // a first time: the certificate may be the authority's own, whose key the VO record in the bundle
        // names
        if (attempt->vo.empty() && fetched.error().code == Errc::denied && !attempt->unverified) {
            attempt->unverified = true;
            attempt->failed = fetched.error();
            return ask_source(attempt);
        }
        return next_source(attempt, fetched.error());
    }
    attempt->source = attempt->sources[attempt->at];
    if (fetched->answer.unchanged) return finish(attempt, {});
    auto mapped = MappedBytes::map(fetched->body.get(), kBundleMax);
    if (!mapped) return next_source(attempt, mapped.error());
    const auto holder = std::make_shared<MappedBytes>(*std::move(mapped));
    const bool was_delta = is_delta(holder->text());
    trust_.take({holder, holder->text()},
                {attempt->fingerprint, attempt->vo, attempt->unverified ? attempt->url : ""},
                attempt->vo.empty() ? attempt->url : "",
                [this, attempt, answer = fetched->answer, was_delta](Outcome<TakenBundle> taken) {
                    take_outcome(attempt, answer, was_delta, std::move(taken));
                });
}

void BundleFollower::take_outcome(const AttemptPtr& attempt, const FetchAnswer& answer, bool was_delta,
                                  Outcome<TakenBundle> taken) {
    if (!taken && was_delta && !attempt->whole && taken.error().code == Errc::conflict) {
        attempt->whole = true;  // it does not fit what is here
        return ask_source(attempt);
    }
    if (!taken)
        return next_source(
            attempt, Failure{taken.error().code, compose("{}: {}", attempt->source, taken.error().message)});
    const std::string vo = taken->vo->bundle.vo.name;
    if (attempt->vo.empty()) {
        add(vo, attempt->url, taken->vo->fingerprint);
        attempt->vo = vo;
    }
    const auto entry = followed_.find(vo);
    if (entry == followed_.end()) return;
    entry->second.validators[attempt->source] = {answer.etag, answer.modified};
    const bool first = attempt->taken != nullptr;
    if (!taken->accounts_changed && !first) return finish(attempt, {});
    publish_([this, attempt](Outcome<void> published) { finish(attempt, std::move(published)); });
}

void BundleFollower::next_source(const AttemptPtr& attempt, const Failure& failed) {
    if (!attempt->failed) attempt->failed = failed;
    if (++attempt->at < attempt->sources.size()) {
        attempt->whole = false;
        return ask_source(attempt);
    }
    finish(attempt, std::unexpected(*attempt->failed));
}

void BundleFollower::finish(const AttemptPtr& attempt, Outcome<void> outcome) {
    const auto found = followed_.find(attempt->vo);
    if (found != followed_.end()) {
        Entry& entry = found->second;
        note(entry, attempt->vo, *attempt, outcome);
        entry.asking = false;
        // right after a first time once more: now with the pin that the bundle named
        schedule(attempt->vo, attempt->taken ? std::chrono::milliseconds(0)
                                             : jittered(std::chrono::milliseconds(config_.bundles.interval)));
        for (const Done& done : std::exchange(entry.waiting, {})) done(outcome);
    }
    if (attempt->taken)
        attempt->taken(outcome ? Outcome<std::string>(attempt->vo) : std::unexpected(outcome.error()));
}

// Once, when a server that does not answer has let the bundle come to the last quarter of its life.
void BundleFollower::warn_of_age(Entry& entry, const std::string& vo) const {
    const TrustedVo* const trusted = trust_.find(vo);
    if (trusted == nullptr || entry.said_old) return;
    const Bundle& bundle = trusted->bundle;
    if (current_time() < bundle.not_after - (bundle.not_after - bundle.issued) / 4) return;
    entry.said_old = true;
    log(Level::warning, "bundle grows old", {{"vo", vo}, {"expires", format_time(bundle.not_after)}});
}

// Lines in the log on changes only: a server that is away is asked every half minute.
void BundleFollower::note(Entry& entry, const std::string& vo, const Attempt& attempt,
                          const Outcome<void>& outcome) {
    FollowedVo& state = entry.state;
    const bool failed_before = !state.error.empty();
    const std::string source_before = state.source;
    if (!outcome) {
        if (!failed_before) {
            state.failing_since = current_time();
            log(Level::warning, "bundle not fetched", {{"vo", vo}, {"reason", outcome.error().message}});
        }
        state.error = outcome.error().message;
        warn_of_age(entry, vo);
        return;
    }
    state.asked = current_time();
    state.failing_since = {};
    state.error.clear();
    entry.said_old = false;
    state.source = attempt.source;
    if (failed_before) log(Level::notice, "bundle fetched again", {{"vo", vo}, {"url", state.source}});
    if (!source_before.empty() && source_before != state.source)
        log(Level::notice, "bundle comes from another server", {{"vo", vo}, {"url", state.source}});
}

}  // namespace xos
