#include "xosd/identity/accounts_writer.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "libxos/accounts_source.h"
#include "tests/unit/identity/sample_accounts.h"
#include "tests/unit/requirement.h"

using namespace xos;
namespace {

size_t count_files(const std::string& directory) {
    size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory)) ++count;
    return count;
}

bool has_user(const std::string& path, const std::string& name) {
    const auto file = map_accounts(path.c_str());
    REQUIRE(file);
    return file->find_user(name).has_value();
}

// Runs replace in a child that is killed at the system call number kill_at after the start of replace; false:
// it had come to its end before.
bool replace_and_die(const std::string& run, const std::string& boot, const AccountsSnapshot& next,
                     int kill_at) {
    const pid_t child = fork();
    if (child == 0) {
        auto writer = AccountsWriter::open(run, boot);
        if (!writer || ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(9);
        raise(SIGSTOP);
        _exit(writer->replace(next) ? 0 : 1);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFSTOPPED(status));
    for (int call = 0; call < kill_at; ++call) {
        REQUIRE(ptrace(PTRACE_SYSCALL, child, nullptr, nullptr) == 0);
        REQUIRE(waitpid(child, &status, 0) == child);
        if (WIFEXITED(status)) {
            CHECK(WEXITSTATUS(status) == 0);
            return false;
        }
    }
    kill(child, SIGKILL);
    REQUIRE(waitpid(child, &status, 0) == child);
    return true;
}

}  // namespace

TEST_CASE("replace puts the snapshot into both files and retires the old ones") {
    const sample::TempDir dir;
    auto writer = AccountsWriter::open(dir / "run", dir / "boot");
    REQUIRE(writer);
    CHECK(writer->generation() == 0);
    REQUIRE(writer->replace(sample::snapshot(2)));
    const auto old_run = map_accounts((dir / "run").c_str());
    const auto old_boot = map_accounts((dir / "boot").c_str());
    REQUIRE((old_run && old_boot));
    REQUIRE(writer->replace(sample::snapshot(3)));
    CHECK(old_run->is_retired());
    CHECK(old_boot->is_retired());
    CHECK(old_run->find_user(std::string_view("user2@physics")));  // whole for whoever still reads it
    CHECK(has_user(dir / "run", "user3@physics"));
    CHECK(has_user(dir / "boot", "user3@physics"));
    CHECK(count_files(dir.path()) == 2);
    CHECK(AccountsWriter::open(dir / "run", dir / "boot")->generation() == 2);
    struct stat st{};
    REQUIRE(stat((dir / "run").c_str(), &st) == 0);
    CHECK((st.st_mode & 07777) == 0644);
    CHECK(st.st_blocks * 512 >= st.st_size);  // no holes
}

TEST_CASE("a refused snapshot leaves everything as it was") {
    const sample::TempDir dir;
    auto writer = AccountsWriter::open(dir / "run", "");
    REQUIRE(writer);
    REQUIRE(writer->replace(sample::snapshot(2)));
    AccountsSnapshot bad = sample::snapshot(3);
    bad.accounts[0].uid = 0;
    CHECK_FALSE(writer->replace(bad));
    CHECK_FALSE(has_user(dir / "run", "user3@physics"));
    CHECK(count_files(dir.path()) == 1);
}

TEST_CASE("a directory that others may write to is refused") {
    const sample::TempDir dir;
    REQUIRE(chmod(dir.path().c_str(), 0777) == 0);
    const auto writer = AccountsWriter::open(dir / "run", "");
    REQUIRE_FALSE(writer);
    CHECK(writer.error().code == Errc::denied);
}

TEST_CASE("a full disk keeps the old file") {
    const sample::TempDir dir;
    auto writer = AccountsWriter::open(dir / "run", "");
    REQUIRE(writer);
    REQUIRE(writer->replace(sample::snapshot(2)));
    const pid_t child = fork();
    if (child == 0) {
        const rlimit none{4096, 4096};
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &none);
        const auto done = writer->replace(sample::snapshot(1000));
        _exit(!done && done.error().message.contains("the old one stays") ? 0 : 1);
    }
    int status = 1;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    CHECK(has_user(dir / "run", "user2@physics"));
    CHECK(count_files(dir.path()) == 1);
}

TEST_CASE("a writer killed at any step leaves whole files, and the next start retires what is old") {
    xos::test::require_root("needs root: accounts files must be root's");
    bool died = true;
    int steps = 0;
    for (int kill_at = 1; died; ++kill_at) {
        const sample::TempDir dir;
        const std::string run = dir / "run", boot = dir / "boot";
        REQUIRE(AccountsWriter::open(run, boot)->replace(sample::snapshot(2)));
        const auto old_run = map_accounts(run.c_str());
        const auto old_boot = map_accounts(boot.c_str());
        REQUIRE((old_run && old_boot));
        died = replace_and_die(run, boot, sample::snapshot(3), kill_at);
        // whoever comes before xosd is back finds a whole file, old or new
        CHECK(has_user(run, "user2@physics"));
        CHECK(has_user(boot, "user2@physics"));
        auto writer = AccountsWriter::open(run, boot);
        REQUIRE(writer);
        CHECK(count_files(dir.path()) == 2);
        // a mapped file is retired if and only if it is not the one at its path any more
        CHECK(old_run->is_retired() == has_user(run, "user3@physics"));
        CHECK(old_boot->is_retired() == has_user(boot, "user3@physics"));
        REQUIRE(writer->replace(sample::snapshot(4)));
        CHECK((old_run->is_retired() && old_boot->is_retired()));
        CHECK(has_user(run, "user4@physics"));
        steps = kill_at;
    }
    CHECK(steps > 40);  // entries and exits of at least 20 system calls
}
