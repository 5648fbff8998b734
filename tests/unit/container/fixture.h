// What tests of containers share: a home, a place for layers and a cgroup of their own, all removed at the
// end.
#pragma once

#include <catch2/catch_test_macros.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <thread>

#include "common/job_stream.h"
#include "xosd/container/container.h"

namespace xos::test {

inline constexpr uint32_t kUid = 0x70000011, kInnerRoot = 0x70000000;
inline constexpr uint32_t kGroup = 0x700c0003, kMembers = 0x700c0000;

inline std::string read_text(const std::string& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

inline std::string cgroup2_mount() {
    for (const char* path : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
        struct statfs fs{};
        if (statfs(path, &fs) == 0 && fs.f_type == 0x63677270) return path;  // CGROUP2_SUPER_MAGIC
    }
    return {};
}

// False where containers cannot be tried here: prints why, and fails where tests must run.
inline bool can_run() {
    std::string why;
    if (geteuid() != 0)
        why = "not root";
    else if (cgroup2_mount().empty())
        why = "no cgroup v2";
    if (why.empty()) return true;
    std::cout << "skipped: " << why << "\n";
    const char* must = std::getenv("XOS_TESTS_MUST_RUN");
    if (must != nullptr && std::string_view(must) == "1") FAIL(why);
    return false;
}

template <typename Condition>
bool wait_for(Condition condition, std::chrono::milliseconds limit = std::chrono::seconds(10)) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
}

class Node {
  public:
    Node() {
        char name[] = "/tmp/xos-container-XXXXXX";
        base = mkdtemp(name);
        std::filesystem::permissions(base, std::filesystem::perms(0755));
        home = base + "/home/user1";
        std::filesystem::create_directories(home);
        std::filesystem::create_directories(base + "/jobs");
        REQUIRE(chown(home.c_str(), kUid, kUid) == 0);
        cgroup = cgroup2_mount() + "/xos-test-" + base.substr(base.size() - 6);
        REQUIRE(mkdir(cgroup.c_str(), 0755) == 0);
        cgroup_fd.reset(open(cgroup.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    }
    ~Node() {
        kill_all();
        rmdir(cgroup.c_str());
        std::error_code error;
        std::filesystem::remove_all(base, error);
    }
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    ContainerSpec spec(std::string script) const {
        ContainerSpec out;
        out.job = "job-1";
        out.uid = out.gid = kUid;
        out.inner_root = kInnerRoot;
        out.groups = {kMembers, kGroup};
        out.home = out.directory = home;
        out.argv = {"/bin/bash", "-c", std::move(script)};
        out.environment = {"PATH=/usr/bin:/bin", "HOME=" + home};
        out.layer = base + "/jobs/job-1";
        out.cgroup_fd = cgroup_fd.get();
        out.output = home + "/out";
        out.loader = XOS_LOADER;
        return out;
    }
    std::string output() const { return read_text(home + "/out"); }
    std::string members() const { return read_text(cgroup + "/cgroup.procs"); }
    void kill_all() const {
        std::ofstream(cgroup + "/cgroup.kill") << 1;
        wait_for([&] { return members().empty(); });
    }
    // Waits for the end of the container and answers its record.
    std::optional<ExitRecord> finish(const ContainerProcess& process, const std::string& layer) const {
        REQUIRE(wait_for([&] { return !running(process); }, std::chrono::seconds(60)));
        auto record = read_exit_record(layer);
        REQUIRE(record);
        return *record;
    }
    static bool running(const ContainerProcess& process) {
        pollfd slot{process.pidfd.get(), POLLIN, 0};
        return poll(&slot, 1, 0) == 0;
    }

    std::string base, home, cgroup;
    UniqueFd cgroup_fd;
};

inline ContainerProcess started(const ContainerSpec& spec) {
    auto process = start_container(spec);
    if (!process) FAIL(process.error().message);
    return std::move(*process);
}

}  // namespace xos::test
