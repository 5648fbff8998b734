#include "cli/nsswitch_check.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "tests/unit/ssh/command.h"

using namespace xos;
using namespace xos::test;

namespace {

// The findings that are not good, as "WRONG: ..." and "note: ..." lines.
std::string faults(std::string_view text) {
    Findings findings;
    check_nsswitch(text, findings);
    std::string lines;
    for (const Finding& finding : findings)
        if (finding.kind != Finding::Kind::good)
            lines += (finding.kind == Finding::Kind::note ? "note: " : "WRONG: ") + finding.what + "\n";
    for (const Finding& finding : findings)
        CHECK(finding.advice.empty() == (finding.kind == Finding::Kind::good));
    return lines;
}

}  // namespace

TEST_CASE("lines in which we are asked") {
    CHECK(faults("passwd: files xos\ngroup: files xos\n").empty());
    CHECK(faults("passwd:files xos systemd\ngroup:\tfiles [SUCCESS=merge] xos systemd # why\n").empty());
    CHECK(faults("#passwd: files\r\n  passwd: compat xos\r\ngroup: files xos\r\n").empty());
    CHECK(faults("passwd: files [UNAVAIL=continue] xos [NOTFOUND=return] nis\ngroup: files xos").empty());
    CHECK(faults("passwd: files xos\ngroup: files xos\ninitgroups: files xos\n").empty());
}

TEST_CASE("we are not asked at all") {
    CHECK(faults("").contains("passwd: xos is not among the sources"));
    CHECK(faults("").contains("group: xos is not among"));
    CHECK_FALSE(faults("").contains("initgroups"));
    CHECK(faults("passwd: files xos\ngroup: files # xos\n") ==
          "WRONG: group: xos is not among the sources: no program knows VO users\n");
    CHECK(faults("passwd: files xosx\ngroup: files xos\n").starts_with("WRONG: passwd"));
    CHECK(
        faults("passwd: files xos\ngroup: files xos\ninitgroups: files\n").starts_with("WRONG: initgroups"));
    CHECK(faults("passwd_compat: xos\ngroup: files xos\n").starts_with("WRONG: passwd"));
}

TEST_CASE("what ends the search before us") {
    for (const char* action : {"[NOTFOUND=return]", "[notfound = return]", "[!SUCCESS=return]",
                               "[UNAVAIL=return]", "[SUCCESS=return NOTFOUND=return]", "[!unavail=return]"}) {
        CAPTURE(action);
        CHECK(faults(std::string("passwd: files ") + action + " xos\ngroup: files xos\n")
                  .starts_with("WRONG: passwd: ["));
    }
    for (const char* action :
         {"[SUCCESS=return]", "[NOTFOUND=continue]", "[SUCCESS=merge]", "[", "[]", "[=]"}) {
        CAPTURE(action);
        CHECK_FALSE(faults(std::string("passwd: files xos\ngroup: files ") + action + " xos\n")
                        .contains("stands before xos: what"));
    }
}

TEST_CASE("the order of sources") {
    CHECK(faults("passwd: xos files\ngroup: files xos\n").contains("local users must come first"));
    CHECK(faults("passwd: files systemd xos\ngroup: files xos\n") ==
          "note: passwd: systemd stands before xos: every look-up of a member asks its services first\n");
}

TEST_CASE("a module for each C library") {
    const TempDir root;
    const auto lib = root.path / "usr" / "lib";
    for (const char* arch : {"x86_64-linux-gnu", "i386-linux-gnu", "systemd"})
        std::filesystem::create_directories(lib / arch);
    write_file(lib / "x86_64-linux-gnu" / "libc.so.6", "");
    write_file(lib / "x86_64-linux-gnu" / "libnss_xos.so.2", "");
    Findings findings;
    check_nss_modules(root.path, findings);
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].kind == Finding::Kind::good);
    write_file(lib / "i386-linux-gnu" / "libc.so.6", "");
    findings.clear();
    check_nss_modules(root.path, findings);
    REQUIRE(findings.size() == 2);
    CHECK(findings[0].kind == Finding::Kind::wrong);
    CHECK(findings[0].what.contains("i386-linux-gnu"));
}
