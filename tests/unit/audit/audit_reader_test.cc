#include "cli/audit_reader.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <fstream>

#include "tests/unit/ssh/command.h"

using namespace xos;
using namespace xos::test;
namespace fs = std::filesystem;

namespace {

std::string line(uint64_t session) {
    return format_audit_line({.event = AuditEvent::session,
                              .login = "user1@physics",
                              .session = session,
                              .time = std::chrono::sys_seconds(std::chrono::seconds(1795896000))}) +
           "\n";
}

void append(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary | std::ios::app) << text;
}

std::vector<uint64_t> sessions(AuditFileReader& reader) {
    std::vector<uint64_t> found;
    while (const auto record = reader.next()) found.push_back(record->session);
    return found;
}

using Sessions = std::vector<uint64_t>;

struct LogFiles {
    TempDir dir;
    std::string path = dir.path / "audit.log";

    AuditFileReader open_reader() const {
        auto reader = AuditFileReader::open(path);
        REQUIRE(reader);
        return std::move(*reader);
    }
};

}  // namespace

TEST_CASE_METHOD(LogFiles, "the older file comes first, and what is missing is empty") {
    auto reader = open_reader();
    CHECK(sessions(reader).empty());
    append(path, line(2));
    CHECK(sessions(reader) == Sessions{2});
    append(path + ".1", line(1));
    auto again = open_reader();
    CHECK(sessions(again) == Sessions{1, 2});
    fs::remove(path);
    auto older_only = open_reader();
    CHECK(sessions(older_only) == Sessions{1});
}

TEST_CASE_METHOD(LogFiles,
                 "what comes later is read, across a renaming, and a line is not read before its end") {
    append(path, line(1));
    auto reader = open_reader();
    CHECK(sessions(reader) == Sessions{1});
    CHECK(sessions(reader).empty());
    append(path, line(2).substr(0, 20));
    CHECK(sessions(reader).empty());
    append(path, line(2).substr(20));
    CHECK(sessions(reader) == Sessions{2});
    append(path, line(3));
    fs::rename(path, path + ".1");
    append(path, line(4));
    append(path + ".1", line(30));
    CHECK(sessions(reader) == Sessions{3, 30, 4});
    fs::remove(path);
    append(path, line(5));
    CHECK(sessions(reader) == Sessions{5});
    CHECK(reader.odd_lines() == 0);
}

TEST_CASE_METHOD(LogFiles, "what is no record is passed over and counted") {
    append(path + ".1", line(1) + line(2).substr(0, 30));  // cut where the file ends
    append(path, std::string("\xff\xfe\0\n", 4) + "\n" + line(3) + std::string(300'000, 'x') + "\n" +
                     line(4) + "{}\n" + std::string(1'000'000, '[') + "\n" + line(5) + line(6).substr(0, 30));
    auto reader = open_reader();
    CHECK(sessions(reader) == Sessions{1, 3, 4, 5});
    CHECK(reader.odd_lines() == 6);
    append(path, line(6).substr(30));
    CHECK(sessions(reader) == Sessions{6});
}

TEST_CASE_METHOD(LogFiles, "two records in one line are none") {
    append(path, line(1).substr(0, line(1).size() - 1) + line(2) + line(3));
    auto reader = open_reader();
    CHECK(sessions(reader) == Sessions{3});
}

TEST_CASE_METHOD(LogFiles, "only files are read") {
    SECTION("a symlink") {
        append(dir.path / "other", line(1));
        fs::create_symlink(dir.path / "other", path);
    }
    SECTION("a pipe") {
        REQUIRE(mkfifo(path.c_str(), 0600) == 0);
    }
    SECTION("a directory") {
        fs::create_directory(path);
    }
    CHECK_FALSE(AuditFileReader::open(path));
}

TEST_CASE("a journal that is not there is empty") {
    auto reader = AuditJournalReader::open(std::nullopt);
    REQUIRE(reader);
    while (reader->next()) continue;
    CHECK(reader->odd_entries() == 0);
    CHECK(AuditJournalReader::open(std::chrono::sys_seconds(std::chrono::seconds(1795896000))));
}
