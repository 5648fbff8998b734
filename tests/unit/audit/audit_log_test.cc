#include "xosd/audit/audit_log.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <sstream>

#include "tests/unit/audit/stderr_capture.h"
#include "tests/unit/ssh/command.h"

using namespace xos;
using namespace xos::test;
namespace fs = std::filesystem;

namespace {

struct LogFixture {
    TempDir dir;
    std::string path = dir.path / "xos" / "audit.log";
    RefusalLimit::Time now{std::chrono::hours(1)};

    AuditLog::Options options(uint64_t max_bytes = 1 << 20, std::string journal = "") {
        return {path, std::move(journal), max_bytes, [this] { return now; }};
    }
    // The records of a file; each line must be one.
    std::vector<AuditRecord> records(const std::string& suffix = "") const {
        std::vector<AuditRecord> found;
        const std::string text = read_file(path + suffix);
        CHECK((text.empty() || text.ends_with('\n')));
        std::istringstream lines(text);
        for (std::string line; std::getline(lines, line);) {
            // of two writers one may see half of the other's line, and begin a new one
            if (line.empty()) continue;
            const auto record = parse_audit_line(line);
            INFO(line);
            REQUIRE(record);
            found.push_back(*record);
        }
        return found;
    }
};

AuditRecord permit(uint64_t session) {
    return {.event = AuditEvent::session, .permit = true, .login = "user1@physics", .session = session};
}

AuditRecord refusal() {
    return {.login = "user1@physics", .service = "sshd", .reason = "no such member"};
}

UniqueFd listen_as_journal(const std::string& path) {
    UniqueFd socket_fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(bind(socket_fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    return socket_fd;
}

}  // namespace

TEST_CASE_METHOD(LogFixture, "records are lines of a file that adm reads") {
    AuditLog log(options());
    const auto before = std::chrono::system_clock::now() - std::chrono::seconds(1);
    log.record(permit(7));
    log.record(refusal());
    const auto found = records();
    REQUIRE(found.size() == 2);
    CHECK(found[0].session == 7);
    CHECK(found[0].time > before);
    CHECK(found[1].reason == "no such member");
    struct stat status{};
    REQUIRE(stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0640);
    if (const group* readers = getgrnam("adm"); geteuid() == 0 && readers != nullptr)
        CHECK(status.st_gid == readers->gr_gid);
    REQUIRE(stat(path.substr(0, path.rfind('/')).c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0755);
}

TEST_CASE_METHOD(LogFixture, "hostile values make one line") {
    AuditLog log(options());
    AuditRecord record = refusal();
    record.login = std::string("a\n\"b\0\xff", 6);
    record.reason = std::string(1'000'000, '"');
    log.record(record);
    const auto found = records();
    REQUIRE(found.size() == 1);
    CHECK(found[0].login == "a?\"b??");
    CHECK(found[0].reason.size() == kAuditValueMax);
}

TEST_CASE_METHOD(LogFixture, "a full file is renamed, and one older file kept") {
    AuditLog log(options(4096));
    for (uint64_t i = 1; i <= 200; ++i) log.record(permit(i));
    const auto older = records(".1"), newer = records();
    REQUIRE_FALSE(older.empty());
    REQUIRE_FALSE(newer.empty());
    CHECK(newer.back().session == 200);
    CHECK(older.back().session + 1 == newer.front().session);
    CHECK(fs::file_size(path) <= 4096);
    CHECK(fs::file_size(path + ".1") <= 4096);
    CHECK(std::distance(fs::directory_iterator(fs::path(path).parent_path()), fs::directory_iterator()) == 2);
}

TEST_CASE_METHOD(LogFixture, "a full file that another process has locked grows to twice its size") {
    AuditLog log(options(2048));
    log.record(permit(1));
    const UniqueFd other(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    REQUIRE(flock(other.get(), LOCK_EX) == 0);
    for (uint64_t i = 2; i <= 200; ++i) log.record(permit(i));
    CHECK_FALSE(fs::exists(path + ".1"));
    CHECK(fs::file_size(path) > 2048);
    CHECK(fs::file_size(path) <= 4096 + 200);
    REQUIRE(flock(other.get(), LOCK_UN) == 0);
    log.record(permit(201));
    const auto newer = records();
    REQUIRE(newer.size() == 2);
    CHECK(newer[0].session == 201);
    CHECK(newer[1].event == AuditEvent::suppressed);
    CHECK(records(".1").size() + newer[1].count == 200);
}

TEST_CASE_METHOD(LogFixture, "a moved or removed file is made again") {
    AuditLog log(options());
    log.record(permit(1));
    fs::rename(path, path + ".old");
    log.record(permit(2));
    fs::remove_all(fs::path(path).parent_path());
    log.record(permit(3));
    const auto found = records();
    REQUIRE(found.size() == 1);
    CHECK(found[0].session == 3);
}

TEST_CASE_METHOD(LogFixture, "nothing but a file of its own is written to, and that is said once") {
    fs::create_directory(fs::path(path).parent_path());
    const std::string victim = dir.path / "victim";
    write_file(victim, "");
    SECTION("a symlink") {
        fs::create_symlink(victim, path);
    }
    SECTION("a pipe") {
        REQUIRE(mkfifo(path.c_str(), 0600) == 0);
    }
    SECTION("a directory") {
        fs::create_directory(path);
    }
    SECTION("a directory where others may write") {
        fs::permissions(fs::path(path).parent_path(), fs::perms(0777));
    }
    SECTION("a directory behind a symlink") {
        fs::remove(fs::path(path).parent_path());
        fs::create_symlink(dir.path, fs::path(path).parent_path());
    }
    StderrCapture said;
    {
        AuditLog log(options());
        for (int i = 0; i < 10; ++i) log.record(permit(1));
    }
    const std::string text = said.text();
    CHECK(text.find("audit log cannot be written") != std::string::npos);
    CHECK(text.find("audit log cannot be written") == text.rfind("audit log cannot be written"));
    CHECK(read_file(victim).empty());
    CHECK_FALSE(fs::is_regular_file(dir.path / "audit.log"));
    CHECK_FALSE(fs::is_regular_file(fs::symlink_status(path)));
}

TEST_CASE_METHOD(LogFixture, "where there is no room, whole lines stay, and what is missing is told") {
    AuditLog log(options());
    log.record(permit(1));
    const uint64_t line = fs::file_size(path);
    StderrCapture said;
    // setrlimit(2): a write beyond it is short, the next one fails and sends SIGXFSZ
    rlimit before{};
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
    const rlimit small{3 * line + line / 2, before.rlim_max};
    const auto handler = signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    for (uint64_t i = 2; i <= 9; ++i) log.record(permit(i));
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, handler);
    CHECK(records().size() == 3);
    log.record(permit(4));
    const auto found = records();
    REQUIRE(found.size() == 5);
    CHECK(found[3].session == 4);
    CHECK(found[4].event == AuditEvent::suppressed);
    CHECK(found[4].count == 6);
    CHECK(found[4].reason.starts_with("could not be written: "));
    log.record(permit(5));
    CHECK(records().size() == 6);
}

TEST_CASE_METHOD(LogFixture, "a line after a stump begins anew") {
    AuditLog log(options());
    log.record(permit(1));
    fs::resize_file(path, fs::file_size(path) - 5);
    log.record(permit(2));
    const std::string text = read_file(path);
    CHECK(std::ranges::count(text, '\n') == 2);
    CHECK(parse_audit_line(text.substr(text.find('\n') + 1)));
}

TEST_CASE_METHOD(LogFixture, "a flood of refusals leaves a number, and the rest is recorded") {
    {
        AuditLog log(options());
        for (int i = 0; i < 1000; ++i) log.record(refusal());
        log.record(permit(1));
        AuditRecord other = refusal();
        other.event = AuditEvent::account;
        log.record(other);
        CHECK(records().size() == 202);
        now += std::chrono::seconds(59);
        log.tell_left_out();
        CHECK(records().size() == 202);
        now += std::chrono::seconds(1);
        log.tell_left_out();
        const auto found = records();
        REQUIRE(found.size() == 203);
        CHECK(found.back().event == AuditEvent::suppressed);
        CHECK(found.back().count == 800);
        CHECK(found.back().reason == "more refusals (login) than are recorded");
        for (int i = 0; i < 203; ++i) log.record(refusal());
    }
    const auto found = records();  // the end tells the rest
    REQUIRE(found.size() == 203 + 200 + 1);
    CHECK(found.back().count == 3);
}

TEST_CASE_METHOD(LogFixture, "lines of two processes never mix, nor get lost when the file is renamed") {
    // of 130 bytes or so each: renamed once on the way, and never at twice the size, where a line is given up
    constexpr uint64_t kLines = 700;
    AuditLog log(options(100 * 1024));
    const pid_t child = fork();
    REQUIRE(child >= 0);
    for (uint64_t i = 1; i <= kLines; ++i) log.record(permit(child == 0 ? i : kLines + i));
    if (child == 0) _exit(0);
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(status == 0);
    std::vector<bool> seen(2 * kLines + 1);
    REQUIRE(fs::exists(path + ".1"));
    for (const char* suffix : {".1", ""})
        for (const AuditRecord& record : records(suffix)) seen.at(record.session) = true;
    CHECK(std::ranges::count(seen, true) == 2 * kLines);
}

TEST_CASE_METHOD(LogFixture,
                 "the journal gets entries where it listens, the file what the journal does not take") {
    const std::string journal = dir.path / "journal";
    AuditLog log(options(1 << 20, journal));
    log.record(permit(1));  // not there yet
    CHECK(records().size() == 1);
    const UniqueFd listener = listen_as_journal(journal);
    AuditRecord record = permit(2);
    record.reason = "one\nXOS_DECISION=refuse\n";
    log.record(record);
    CHECK(records().size() == 1);
    char buffer[8192];
    const ssize_t n = recv(listener.get(), buffer, sizeof buffer, 0);
    REQUIRE(n > 0);
    std::string expected;
    for (const std::string& field : format_audit_entry(record)) expected += field + "\n";
    CHECK(std::string(buffer, static_cast<size_t>(n)) == expected);
    CHECK(expected.contains("\nXOS_REASON=one?XOS_DECISION=refuse?\n"));
    // nobody reads: unix(7), the queue of the socket fills
    for (uint64_t i = 3; i <= 5000; ++i) log.record(permit(i));
    CHECK(records().size() > 1);
    CHECK(records().back().session == 5000);
}
