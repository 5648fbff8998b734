#include <catch2/catch_test_macros.hpp>

#include <sys/wait.h>

#include "fixture.h"

using namespace xos;
using namespace xos::test;

TEST_CASE("a program runs as the job's user in a container of its own") {
    if (!can_run()) return;
    Node node;
    auto spec = node.spec(
        "id -u; id -g; id -G; pwd; echo $HOME; ls /proc | grep -c '^[0-9]'; cat /proc/1/comm; ls /home; "
        "grep -E 'NoNewPrivs|Seccomp:|CapEff|CapBnd' /proc/self/status | tr '\\t' ' '; "
        "ls /proc/self/fd | wc -l; cat /run/marker; ip -o link 2>/dev/null | wc -l; exit 7");
    spec.files.push_back({"/run/marker", "from the layer\n", 0444});
    const auto process = started(spec);
    const auto record = node.finish(process, spec.layer);
    INFO(node.output());
    REQUIRE(record);
    CHECK(record->exec_error == 0);
    CHECK(WIFEXITED(record->wait_status));
    CHECK(WEXITSTATUS(record->wait_status) == 7);
    std::cout << node.output();
    CHECK(node.members().empty());
    REQUIRE(remove_layer(spec.layer));
    CHECK_FALSE(std::filesystem::exists(spec.layer));
}
