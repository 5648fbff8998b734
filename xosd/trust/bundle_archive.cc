#include "xosd/trust/bundle_archive.h"

#include <dirent.h>
#include <unistd.h>

#include <memory>
#include <set>

#include "common/clock.h"
#include "common/encoding.h"
#include "common/file.h"
#include "common/log.h"
#include "common/vo/bundle_delta.h"

namespace xos {
namespace {

constexpr const char* kSchema[] = {
    "CREATE TABLE trusted_vo (vo TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, bundle BLOB NOT NULL) STRICT;"
    // outlives trusted_vo: a VO that is trusted again cannot be rolled back to an older bundle
    "CREATE TABLE seen_serial (vo_id TEXT PRIMARY KEY, vo_serial INTEGER NOT NULL, serial INTEGER NOT NULL,"
    " issued INTEGER NOT NULL) STRICT;",
    "ALTER TABLE trusted_vo ADD COLUMN file TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE trusted_vo ADD COLUMN url TEXT NOT NULL DEFAULT '';"
    "CREATE TABLE bundle_delta (vo TEXT NOT NULL REFERENCES trusted_vo(vo) ON DELETE CASCADE,"
    " number INTEGER NOT NULL, serial INTEGER NOT NULL, renewal INTEGER NOT NULL, delta BLOB NOT NULL,"
    " PRIMARY KEY (vo, number)) STRICT;",
};

constexpr std::string_view kFilePrefix = "bundle-";
constexpr int64_t kDeltasMax = 64;
constexpr int64_t kDeltaBytesMax = 4 * 1024 * 1024;
// A stored bundle was in date when it was taken; that it is stale now is said at each login, not at the
// start.
constexpr auto kStoredGrace = std::chrono::hours(24 * 365 * 20);

std::string directory_of(const Database& database) {
    const char* const path = sqlite3_db_filename(database.raw(), "main");
    const std::string_view text = path == nullptr ? "" : path;
    return std::string(text.substr(0, text.contains('/') ? text.rfind('/') : 0));
}

}  // namespace

Outcome<void> BundleArchive::open() {
    if (auto migrated = database_.migrate("trust", kSchema); !migrated) return migrated;
    directory_ = directory_of(database_);
    remove_orphans();
    return {};
}

void BundleArchive::remove_orphans() {
    if (directory_.empty()) return;
    const auto kept = list();
    if (!kept) return;
    std::set<std::string, std::less<>> names;
    for (const ArchivedVo& vo : *kept) names.insert(vo.file);
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(directory_.c_str()), closedir);
    if (!directory) return;
    while (const dirent* entry = readdir(directory.get())) {
        const std::string_view name = entry->d_name;
        if (name.starts_with(kFilePrefix) && !names.contains(name))
            unlink((directory_ + "/" + entry->d_name).c_str());
    }
}

Outcome<std::vector<ArchivedVo>> BundleArchive::list() {
    auto select = database_.prepare("SELECT vo, fingerprint, url, file FROM trusted_vo ORDER BY vo");
    if (!select) return std::unexpected(select.error());
    std::vector<ArchivedVo> all;
    for (;;) {
        const auto row = select->step();
        if (!row) return std::unexpected(row.error());
        if (!*row) return all;
        all.push_back({std::string(select->text(0)), std::string(select->text(1)),
                       std::string(select->text(2)), std::string(select->text(3))});
    }
}

Outcome<Bundle> BundleArchive::read(const ArchivedVo& vo) {
    auto whole = database_.prepare("SELECT bundle FROM trusted_vo WHERE vo = ?1");
    if (!whole) return std::unexpected(whole.error());
    if (auto bound = whole->bind(vo.vo); !bound) return std::unexpected(bound.error());
    if (const auto row = whole->step(); !row || !*row)
        return failure(Errc::unavailable, "the bundle of VO {} is gone from the state database", vo.vo);
    auto bytes = vo.file.empty() ? Outcome<std::string>(as_text(whole->blob(0)))
                                 : read_file(directory_ + "/" + vo.file, kBundleMax);
    if (!bytes) return std::unexpected(bytes.error());
    auto bundle = open_bundle(*bytes, vo.fingerprint, current_time(), kStoredGrace);
    bytes->clear();
    bytes->shrink_to_fit();
    auto deltas = database_.prepare("SELECT delta FROM bundle_delta WHERE vo = ?1 ORDER BY number");
    if (!deltas) return std::unexpected(deltas.error());
    if (auto bound = deltas->bind(vo.vo); !bound) return std::unexpected(bound.error());
    while (bundle) {
        const auto row = deltas->step();
        if (!row) return std::unexpected(row.error());
        if (!*row) break;
        const auto delta = open_delta(as_text(deltas->blob(0)), vo.fingerprint, current_time(), kStoredGrace);
        bundle = delta ? apply_delta(*std::move(bundle), *delta) : std::unexpected(delta.error());
    }
    return bundle;
}

Outcome<SeenSerial> BundleArchive::seen(const std::string& vo_id) {
    auto select = database_.prepare("SELECT vo_serial, serial, issued FROM seen_serial WHERE vo_id = ?1");
    if (!select) return std::unexpected(select.error());
    if (auto bound = select->bind(vo_id); !bound) return std::unexpected(bound.error());
    const auto row = select->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return SeenSerial{};
    return SeenSerial{static_cast<uint64_t>(select->number(0)), static_cast<uint64_t>(select->number(1)),
                      select->number(2)};
}

Outcome<void> BundleArchive::note_seen(const Bundle& content) {
    auto seen = database_.prepare(
        "INSERT INTO seen_serial (vo_id, vo_serial, serial, issued) VALUES (?1, ?2, ?3, ?4)"
        " ON CONFLICT (vo_id) DO UPDATE SET vo_serial = ?2, serial = ?3, issued = ?4");
    if (!seen) return std::unexpected(seen.error());
    return seen->run(content.vo.id, static_cast<int64_t>(content.vo.serial),
                     static_cast<int64_t>(content.serial), content.issued.time_since_epoch().count());
}

Outcome<void> BundleArchive::put_whole(const std::string& vo, const std::string& fingerprint,
                                       std::string_view bytes, const std::string& file) {
    auto put = database_.prepare(
        "INSERT INTO trusted_vo (vo, fingerprint, bundle, file) VALUES (?1, ?2, ?3, ?4)"
        " ON CONFLICT (vo) DO UPDATE SET fingerprint = ?2, bundle = ?3, file = ?4");
    if (!put) return std::unexpected(put.error());
    if (auto done = put->run(vo, fingerprint, as_bytes(bytes), file); !done) return done;
    auto clear = database_.prepare("DELETE FROM bundle_delta WHERE vo = ?1");
    if (!clear) return std::unexpected(clear.error());
    return clear->run(vo);
}

Outcome<void> BundleArchive::add_delta(const std::string& vo, std::string_view bytes, uint64_t serial,
                                       bool renewal) {
    if (renewal) {
        auto last = database_.prepare(
            "DELETE FROM bundle_delta WHERE vo = ?1 AND renewal = 1 AND serial = ?2"
            " AND number = (SELECT max(number) FROM bundle_delta WHERE vo = ?1)");
        if (!last) return std::unexpected(last.error());
        if (auto done = last->run(vo, static_cast<int64_t>(serial)); !done) return done;
    }
    auto add = database_.prepare(
        "INSERT INTO bundle_delta (vo, number, serial, renewal, delta) VALUES (?1,"
        " (SELECT coalesce(max(number), 0) + 1 FROM bundle_delta WHERE vo = ?1), ?2, ?3, ?4)");
    if (!add) return std::unexpected(add.error());
    return add->run(vo, static_cast<int64_t>(serial), renewal ? 1 : 0, as_bytes(bytes));
}

Outcome<void> BundleArchive::set_url(const std::string& vo, const std::string& url) {
    auto set = database_.prepare("UPDATE trusted_vo SET url = ?2 WHERE vo = ?1");
    if (!set) return std::unexpected(set.error());
    return set->run(vo, url);
}

Outcome<void> BundleArchive::remove(const std::string& vo) {
    for (const char* sql :
         {"DELETE FROM bundle_delta WHERE vo = ?1", "DELETE FROM trusted_vo WHERE vo = ?1"}) {
        auto remove = database_.prepare(sql);
        if (!remove) return std::unexpected(remove.error());
        if (auto done = remove->run(vo); !done) return done;
    }
    return {};
}

Outcome<bool> BundleArchive::wants_whole(const std::string& vo) {
    auto select =
        database_.prepare("SELECT count(*), coalesce(sum(length(delta)), 0) FROM bundle_delta WHERE vo = ?1");
    if (!select) return std::unexpected(select.error());
    if (auto bound = select->bind(vo); !bound) return std::unexpected(bound.error());
    const auto row = select->step();
    if (!row) return std::unexpected(row.error());
    return *row && (select->number(0) >= kDeltasMax || select->number(1) >= kDeltaBytesMax);
}

}  // namespace xos
