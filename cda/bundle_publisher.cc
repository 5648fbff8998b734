#include "cda/bundle_publisher.h"

#include <algorithm>

#include "common/compression.h"
#include "common/credential/fingerprint.h"

namespace xos {
namespace {

constexpr size_t kBodiesMax = 64;  // kept of one issue: the whole and the differences that are asked for most

// Unique for content, VO record and dates; safe inside the quotes of an ETag.
std::string make_tag(const VoContent& content) {
    const std::string print = sha256_fingerprint(as_bytes(content.identity.statement));
    std::string tag =
        compose("{}.{}.", content.bundle.serial, content.bundle.issued.time_since_epoch().count());
    for (const char c : print.substr(7, 16)) tag += c == '+' || c == '/' ? '_' : c;
    return tag;
}

std::chrono::sys_seconds half_life(const Bundle& bundle) {
    return bundle.issued + (bundle.not_after - bundle.issued) / 2;
}

}  // namespace

// The content of now; the last one brought up to date by the log of changes, where that reaches back.
Outcome<VoContent> BundlePublisher::read_newer(const VoIdentity& identity, const Issue* last,
                                               std::chrono::sys_seconds now) {
    if (last == nullptr || last->content.identity.record.id != identity.record.id)
        return authority_.read_content(identity, now);
    auto delta = authority_.read_delta(identity, last->content.bundle.serial);
    if (!delta && delta.error().code == Errc::not_found) return authority_.read_content(identity, now);
    if (!delta) return std::unexpected(delta.error());
    delta->issued = now;
    delta->not_after = std::min(now + identity.record.bundle_lifetime, identity.record.not_after);
    return VoContent{identity, merge_delta(last->content.bundle, *delta)};
}

Outcome<BundlePublisher::Issue*> BundlePublisher::find_issue(std::string_view vo,
                                                             std::chrono::sys_seconds now) {
    const auto state = authority_.read_state(vo, now);
    if (!state) {
        if (const auto old = issues_.find(vo); old != issues_.end()) issues_.erase(old);
        return std::unexpected(state.error());
    }
    const auto& [identity, serial] = *state;
    const auto kept = issues_.find(vo);
    Issue* const last = kept == issues_.end() ? nullptr : kept->second.get();
    if (last != nullptr && last->content.bundle.serial == serial &&
        last->content.identity.statement == identity.statement && now < half_life(last->content.bundle) &&
        now >= last->content.bundle.issued)
        return last;
    const bool renewal = last != nullptr && last->content.bundle.serial == serial;
    // a renewal reads all again: what has ended meanwhile goes then
    auto content = renewal ? authority_.read_content(identity, now) : read_newer(identity, last, now);
    if (!content) return std::unexpected(content.error());
    auto issue = std::make_unique<Issue>();
    issue->content = *std::move(content);
    const auto digest = digest_content(issue->content.bundle);
    if (!digest) return std::unexpected(digest.error());
    issue->digest = *digest;
    issue->tag = make_tag(issue->content);
    return (issues_[std::string(vo)] = std::move(issue)).get();
}

Outcome<std::string> BundlePublisher::make_body(const Issue& issue, uint64_t since) {
    const VoContent& content = issue.content;
    if (since == 0) return authority_.seal(content.identity, content.bundle);
    auto delta = authority_.read_delta(content.identity, since);
    if (!delta) return std::unexpected(delta.error());
    if (delta->serial != content.bundle.serial)
        return failure(Errc::not_found, "the VO {} has just been changed", content.bundle.vo.name);
    delta->digest = issue.digest;
    delta->issued = content.bundle.issued;
    delta->not_after = content.bundle.not_after;
    return authority_.seal(content.identity, *delta);
}

Outcome<const std::string*> BundlePublisher::find_body(Issue& issue, std::optional<uint64_t> since,
                                                       bool zstd) {
    uint64_t from = since.value_or(0);
    auto found = issue.bodies.find(from);
    if (found == issue.bodies.end()) {
        auto body = make_body(issue, from);
        // too far back, too much, or a serial that this authority never gave: the whole
        if (!body && from != 0) {
            from = 0;
            found = issue.bodies.find(0);
            if (found == issue.bodies.end()) body = make_body(issue, 0);
        }
        if (found == issue.bodies.end()) {
            if (!body) return std::unexpected(body.error());
            if (const auto oldest = issue.bodies.upper_bound(0);
                issue.bodies.size() >= kBodiesMax && oldest != issue.bodies.end()) {
                issue.packed.erase(oldest->first);
                issue.bodies.erase(oldest);
            }
            found = issue.bodies.emplace(from, *std::move(body)).first;
        }
    }
    if (!zstd) return &found->second;
    auto packed = issue.packed.find(from);
    if (packed == issue.packed.end()) {
        auto made = compress_text(found->second);
        if (!made) return std::unexpected(made.error());
        packed = issue.packed.emplace(from, *std::move(made)).first;
    }
    return &packed->second;
}

Outcome<BundleResponse> BundlePublisher::answer(const BundleRequest& request, std::chrono::sys_seconds now) {
    const auto issue = find_issue(request.vo, now);
    if (!issue) return std::unexpected(issue.error());
    BundleResponse response;
    response.zstd = request.zstd;
    response.etag = compose("\"{}{}\"", (*issue)->tag, request.zstd ? ".zstd" : "");
    // either encoding of it: the asker has this content with these dates
    response.not_modified = request.if_none_match.contains((*issue)->tag + "\"") ||
                            request.if_none_match.contains((*issue)->tag + ".zstd\"");
    if (response.not_modified) return response;
    const auto body = find_body(**issue, request.since, request.zstd);
    if (!body) return std::unexpected(body.error());
    response.body = **body;
    return response;
}

}  // namespace xos
