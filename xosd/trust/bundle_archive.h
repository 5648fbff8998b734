// The bundles that a node has taken, as they came: the last whole one of each VO and the deltas since.
//
// Owns: the tables of followed VOs, deltas and seen serials in the state database, and the files of large
// bundles beside it. Process: xosd. Trusts: nothing in them when they are read: each is verified again. A
// change is inside the caller's transaction. A file is written before the row that names it, and removed
// after.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/failure.h"
#include "common/sqlite.h"
#include "common/vo/records.h"

namespace xos {

struct SeenSerial {
    uint64_t vo_serial = 0, serial = 0;
    int64_t issued = 0;
};

struct ArchivedVo {
    std::string vo, fingerprint, url;
    std::string file;  // empty: the bundle is in the database
};

class BundleArchive {
  public:
    explicit BundleArchive(Database& database) : database_(database) {}
    // Makes the tables; removes files that no row names.
    Outcome<void> open();
    // Where large bundles lie; empty where the database is in memory.
    const std::string& directory() const { return directory_; }

    Outcome<std::vector<ArchivedVo>> list();
    // What is stored, opened: the whole and each delta since, by the pin; whether it is in date is not asked.
    Outcome<Bundle> read(const ArchivedVo& vo);

    // The serials that a VO may not go back behind; zeros where it was never here.
    Outcome<SeenSerial> seen(const std::string& vo_id);
    Outcome<void> note_seen(const Bundle& content);

    // Replaces bundle and deltas of the VO. Exactly one of bytes and file is set.
    Outcome<void> put_whole(const std::string& vo, const std::string& fingerprint, std::string_view bytes,
                            const std::string& file);
    // Behind those that are there. A renewal takes the place of a renewal of the same serial.
    Outcome<void> add_delta(const std::string& vo, std::string_view bytes, uint64_t serial, bool renewal);
    Outcome<void> set_url(const std::string& vo, const std::string& url);
    Outcome<void> remove(const std::string& vo);
    // After the commit: files that no row names any more.
    void remove_orphans();

    // The deltas have become so many that the whole bundle is better asked for.
    Outcome<bool> wants_whole(const std::string& vo);

  private:
    Database& database_;
    std::string directory_;
};

}  // namespace xos
