#include "xosd/tracking/container_name.h"

#include <catch2/catch_test_macros.hpp>

#include "xosd/tracking/cgroup_pattern.h"
#include "xosd/tracking/container_place.h"

using namespace xos;

namespace {

const std::string kId = "3f9a0c5e8d7b61427f00aa11bb22cc33dd44ee55ff66778899aabbccddeeff00";

bool matches(const char* pattern, const std::string& path) {
    REQUIRE(CgroupPattern::is_valid(pattern));
    return CgroupPattern(pattern).matches(split_cgroup_path(path));
}

std::string name_of(const std::string& path, size_t first, const std::string& taken = {}) {
    return derive_container_name(split_cgroup_path(path), first,
                                 [&](const std::string& name) { return name == taken; });
}

}  // namespace

TEST_CASE("patterns are paths of the v2 tree, name by name") {
    CHECK(matches("/machine.slice/libpod-*.scope", "/machine.slice/libpod-" + kId + ".scope"));
    CHECK_FALSE(matches("/machine.slice/libpod-*.scope", "/machine.slice/libpod-a.scope/container"));
    CHECK_FALSE(matches("/machine.slice/libpod-*.scope", "/machine.slice/other/libpod-a.scope"));
    CHECK(matches("/lxc.payload.*", "/lxc.payload.web"));
    CHECK(matches("/system.slice/slurmstepd.scope/job_*/step_*",
                  "/system.slice/slurmstepd.scope/job_7/step_batch"));
    CHECK_FALSE(matches("/*", "/a/b"));
    CHECK_FALSE(matches("/*", "/.hidden"));
    CHECK(matches("/machine.slice/machine-*\\\\x2d*.scope", "/machine.slice/machine-a\\x2db.scope"));
    // podman's monitor is no container
    CHECK_FALSE(matches("/machine.slice/libpod-[0-9a-f][0-9a-f]*.scope",
                        "/machine.slice/libpod-conmon-" + kId + ".scope"));
    const CgroupPattern steps("/system.slice/slurmstepd.scope/job_*/step_*");
    CHECK(steps.leads_through({}));
    CHECK(steps.leads_through({"system.slice"}));
    CHECK(steps.leads_through({"system.slice", "slurmstepd.scope", "job_7"}));
    CHECK_FALSE(steps.leads_through({"system.slice", "slurmstepd.scope", "job_7", "step_0"}));
    CHECK_FALSE(steps.leads_through({"machine.slice"}));
    CHECK(steps.literal_names() == 2);
    CHECK(CgroupPattern("/a/b").literal_names() == 1);
}

TEST_CASE("what is no pattern is refused") {
    for (const char* bad : {"", "/", "a", "a/b", "/a/", "//a", "/a//b", "/a/../b", "/a/..", "/./a", "/a\n",
                            "/a\\", "/a\\/b", "/\xc3\xa4", "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17"})
        CHECK_FALSE(CgroupPattern::is_valid(bad));
    CHECK(CgroupPattern::is_valid("/" + std::string(255, 'a')));
    CHECK_FALSE(CgroupPattern::is_valid("/" + std::string(256, 'a')));
}

TEST_CASE("names of containers are not those of jobs and sessions") {
    for (const char* good : {"web", "a", "7b", "libpod-3f9a0c5e8d7b", "a.B_c-d"})
        CHECK(is_container_name(good));
    for (const char* bad :
         {"", "-a", ".a", "Web", "a b", "a/b", "job-7", "job-x", "session-3", "17", "\xc3\xa4"})
        CHECK_FALSE(is_container_name(bad));
    CHECK(is_container_name(std::string(63, 'a')));
    CHECK_FALSE(is_container_name(std::string(64, 'a')));
}

TEST_CASE("a name comes from the part of the path that tells containers apart") {
    CHECK(name_of("/machine.slice/libpod-" + kId + ".scope", 1) == "libpod-3f9a0c5e8d7b");
    CHECK(name_of("/lxc.payload.web", 0) == "lxc.payload.web");
    CHECK(name_of("/machine.slice/machine-web\\x2d1.scope", 1) == "machine-web-1");
    CHECK(name_of("/system.slice/slurmstepd.scope/job_7/step_0", 2) == "job_7-step_0");
    CHECK(name_of("/docker/" + kId, 1) == "3f9a0c5e8d7b");
    CHECK(name_of("/x/job-7", 1) == "c-job-7");
    CHECK(name_of("/x/42", 1) == "c-42");
    CHECK(name_of("/x/Web", 1) == "web");
    CHECK(name_of("/x/@weird name", 1) == "c--weird-name");
    CHECK(name_of("/x/web", 1, "web") == "web-2");
    const std::string longest(100, 'z');
    CHECK(name_of("/" + longest, 0) == std::string(63, 'z'));
    CHECK(name_of("/" + longest, 0, std::string(63, 'z')) == std::string(61, 'z') + "-2");
}

TEST_CASE("the cgroups of a container's id, as runtimes name them") {
    for (const std::string& name :
         {"libpod-" + kId + ".scope", "docker-" + kId + ".scope", "cri-containerd-" + kId + ".scope", kId})
        for (const std::string& id : {kId, kId.substr(0, 12), kId.substr(0, 6)})
            CHECK(is_cgroup_of_container(name, id));
    CHECK_FALSE(is_cgroup_of_container("libpod-" + kId + ".scope", kId.substr(0, 5)));
    CHECK_FALSE(is_cgroup_of_container("libpod-conmon-" + kId + ".scope", kId));
    CHECK_FALSE(is_cgroup_of_container("libpod-" + kId + ".service", kId));
    for (const char* name : {"web", "machine-web.scope", "lxc.payload.web", "web.scope", "web.service"})
        CHECK(is_cgroup_of_container(name, "web"));
    CHECK(is_cgroup_of_container("machine-web\\x2d1.scope", "web-1"));
    for (const char* name : {"lxc.monitor.web", "webb", "machine-webb.scope", "web.slice"})
        CHECK_FALSE(is_cgroup_of_container(name, "web"));
    CHECK(is_container_id("w"));
    for (const char* bad : {"", "a/b", "a b", "a\n"}) CHECK_FALSE(is_container_id(bad));
}

TEST_CASE("no container is tracked where that would take the events of others") {
    const char* base = "/system.slice/xosd.service";
    const auto code = [&](const char* path) {
        const auto right = check_container_place(path, base);
        return right ? Errc{} : right.error().code;
    };
    for (const char* path :
         {"/machine.slice/a.scope", "/system.slice/nginx.service", "/system.slice/xosd.service2",
          "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-a.scope"})
        CHECK(check_container_place(path, base));
    for (const char* path :
         {"/system.slice", "/system.slice/xosd.service", "/system.slice/xosd.service/jobs",
          "/system.slice/xosd.service/jobs/job-1", "/system.slice/xosd.service/sessions/session-1",
          "/system.slice/xosd.service/agent", "/user.slice", "/user.slice/user-1000.slice",
          "/user.slice/user-1000.slice/session-3.scope", "/user.slice/user-1000.slice/session-3.scope/a"})
        CHECK(code(path) == Errc::conflict);
    for (const char* path : {"", "/", "a", "/a/", "/a/../b", "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17"})
        CHECK(code(path) == Errc::invalid);
}
