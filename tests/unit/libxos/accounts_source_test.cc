#include "libxos/accounts_source.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "tests/unit/identity/sample_accounts.h"
#include "tests/unit/requirement.h"
#include "xosd/identity/accounts_writer.h"

using namespace xos;
namespace {

struct Files {
    Files() { xos::test::require_root("needs root: accounts files must be root's"); }
    AccountsWriter writer(bool with_boot = false) {
        auto made = AccountsWriter::open(run, with_boot ? boot : "");
        REQUIRE(made);
        return std::move(*made);
    }
    // How many mappings of files in this directory the process has.
    [[nodiscard]] long mappings() const {
        std::ifstream maps("/proc/self/maps");
        long count = 0;
        for (std::string line; std::getline(maps, line);) count += line.contains(dir.path()) ? 1 : 0;
        return count;
    }
    sample::TempDir dir;
    std::string run = dir / "run", boot = dir / "boot";
    AccountsSource source{run.c_str(), boot.c_str()};
};

bool finds(AccountsSource& source, const char* name) {
    const auto accounts = source.pin();
    return accounts && accounts->find_user(std::string_view(name)).has_value();
}

int status_of(pid_t child) {
    int status = -1;
    waitpid(child, &status, 0);
    return status;
}

// What map_accounts says to a child in a user namespace with the given uid_map.
bool is_accepted_under(const std::string& path, const std::string& uid_map) {
    int ready[2], go[2];
    REQUIRE((pipe2(ready, O_CLOEXEC) == 0 && pipe2(go, O_CLOEXEC) == 0));
    const pid_t child = fork();
    if (child == 0) {
        char byte = unshare(CLONE_NEWUSER) == 0 ? 'y' : 'n';
        if (write(ready[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 1) _exit(8);
        struct stat st{};
        if (stat(path.c_str(), &st) != 0 || st.st_uid != 65534) _exit(9);
        _exit(map_accounts(path.c_str()) ? 0 : 1);
    }
    char byte = 'n';
    REQUIRE(read(ready[0], &byte, 1) == 1);
    REQUIRE(byte == 'y');
    std::ofstream(std::format("/proc/{}/uid_map", child)) << uid_map << std::flush;
    REQUIRE(write(go[1], "g", 1) == 1);
    for (const int fd : {ready[0], ready[1], go[0], go[1]}) close(fd);
    const int status = status_of(child);
    REQUIRE((WIFEXITED(status) && WEXITSTATUS(status) <= 1));
    return WEXITSTATUS(status) == 0;
}

}  // namespace

TEST_CASE_METHOD(Files, "without a file the source is unavailable, never empty") {
    const auto none = source.pin();
    REQUIRE_FALSE(none);
    CHECK(none.error().code == Errc::unavailable);
    CHECK(none.error().sys == ENOENT);
    REQUIRE(writer().replace(sample::snapshot()));
    CHECK(finds(source, "user1@physics"));
}

TEST_CASE_METHOD(Files, "the boot copy serves until there is a run file") {
    REQUIRE(AccountsWriter::open(boot, "")->replace(sample::snapshot(1)));
    CHECK(finds(source, "user1@physics"));
    REQUIRE(writer(true).replace(sample::snapshot(2)));
    CHECK(finds(source, "user2@physics"));
    CHECK(mappings() == 1);
    // a run file that is there, but bad, is not passed over for an older state
    std::filesystem::remove(boot);
    REQUIRE(AccountsWriter::open(boot, "")->replace(sample::snapshot(3)));
    std::ofstream(run) << "junk";
    AccountsSource other(run.c_str(), boot.c_str());
    CHECK_FALSE(finds(other, "user1@physics"));
}

TEST_CASE_METHOD(Files, "files that are not root's own are refused") {
    REQUIRE(writer().replace(sample::snapshot()));
    REQUIRE(map_accounts(run.c_str()));
    REQUIRE(chmod(run.c_str(), 0664) == 0);
    CHECK(map_accounts(run.c_str()).error().code == Errc::unavailable);
    REQUIRE((chmod(run.c_str(), 0644) == 0 && chown(run.c_str(), 1000, 0) == 0));
    CHECK(map_accounts(run.c_str()).error().code == Errc::unavailable);
    REQUIRE(chown(run.c_str(), 65534, 0) == 0);
    CHECK(map_accounts(run.c_str()).error().code == Errc::unavailable);
    REQUIRE(chown(run.c_str(), 0, 0) == 0);
    REQUIRE(symlink(run.c_str(), (dir / "link").c_str()) == 0);
    CHECK(map_accounts((dir / "link").c_str()).error().code == Errc::unavailable);
    REQUIRE(mkfifo((dir / "fifo").c_str(), 0600) == 0);
    CHECK(map_accounts((dir / "fifo").c_str()).error().code == Errc::unavailable);
    CHECK(map_accounts(dir.path().c_str()).error().code == Errc::unavailable);
}

TEST_CASE_METHOD(Files, "in a user namespace without root, root's file is an outsider's and trusted") {
    REQUIRE(writer().replace(sample::snapshot()));
    REQUIRE(chmod(dir.path().c_str(), 0755) == 0);
    CHECK(is_accepted_under(run, "1000 1000 1\n"));
    // where 65534 is somebody of the namespace, the file may be his
    CHECK_FALSE(is_accepted_under(run, "1 100001 65534\n"));
    CHECK_FALSE(is_accepted_under(run, "1 100001 5\n65534 65534 1\n"));
}

TEST_CASE_METHOD(Files, "a replacement is seen at once and the old mapping goes") {
    auto writes = writer();
    REQUIRE(writes.replace(sample::snapshot(1)));
    for (uint32_t count = 2; count < 30; ++count) {
        const auto pinned = source.pin();
        REQUIRE(pinned);
        REQUIRE(writes.replace(sample::snapshot(count)));
        const std::string newest = "user" + std::to_string(count) + "@physics";
        CHECK(finds(source, newest.c_str()));
        CHECK_FALSE(pinned->find_user(newest));
        CHECK(pinned->find_user(std::string_view("user1@physics")));
        CHECK(mappings() == 2);
    }
    CHECK(mappings() == 1);
}

TEST_CASE_METHOD(Files, "more pinned files than there are slots are no problem") {
    auto writes = writer();
    std::vector<PinnedAccounts> pins;
    for (uint32_t count = 1; count <= 20; ++count) {
        REQUIRE(writes.replace(sample::snapshot(count)));
        auto pinned = source.pin();
        REQUIRE(pinned);
        CHECK(pinned->find_user("user" + std::to_string(count) + "@physics"));
        pins.push_back(std::move(*pinned));
    }
    CHECK(mappings() == 20);
    pins.clear();
    CHECK(finds(source, "user20@physics"));
    CHECK(mappings() == 1);
}

TEST_CASE_METHOD(Files, "threads and forked children read through a storm of replacements") {
    auto writes = writer();
    const AccountsSnapshot snapshots[] = {sample::snapshot(3), sample::snapshot(40)};
    REQUIRE(writes.replace(snapshots[0]));
    std::atomic<bool> stop{false};
    std::atomic<uint64_t> wrong{0}, reads{0};
    const auto read_once = [&] {
        const auto accounts = source.pin();
        if (!accounts) return false;
        const auto user = accounts->find_user(std::string_view("user3@physics"));
        return user && user->home == "/home/physics/user3" && user->group_count == 2;
    };
    std::vector<std::thread> readers;
    for (int i = 0; i < 3; ++i)
        readers.emplace_back([&] {
            for (; !stop; ++reads) wrong += read_once() ? 0 : 1;
        });
    readers.emplace_back([&] {
        while (!stop) {
            const pid_t child = fork();
            if (child == 0) {
                bool right = true;
                for (int i = 0; i < 20; ++i) right = right && read_once();
                _exit(right ? 0 : 1);
            }
            wrong += status_of(child) == 0 ? 0 : 1;
        }
    });
    bool replaced = true;
    for (int i = 0; i < 400; ++i) replaced = writes.replace(snapshots[i % 2]).has_value() && replaced;
    stop = true;
    for (std::thread& reader : readers) reader.join();
    CHECK(replaced);
    CHECK(wrong == 0);
    CHECK(reads > 0);
    CHECK(finds(source, "user3@physics"));
    CHECK(mappings() <= 2);  // a last leaver may have been overtaken; the next replacement takes its file
}
