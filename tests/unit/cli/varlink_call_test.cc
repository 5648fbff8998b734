#include "cli/varlink_call.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-varlink.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <thread>

#include "tests/unit/ssh/command.h"

using namespace xos;
using namespace xos::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

int reply(sd_varlink* link, sd_json_variant* parameters, sd_varlink_method_flags_t, void*) {
    return sd_varlink_reply(link, parameters);
}
int refuse(sd_varlink* link, sd_json_variant*, sd_varlink_method_flags_t, void*) {
    const Json message = JsonObject().set("message", Json::string("job 7 is not yours\x1b[2J")).build();
    return sd_varlink_error(link, "org.xtreemos.test.Denied", message.variant());
}
int disconnect(sd_varlink* link, sd_json_variant*, sd_varlink_method_flags_t, void*) {
    return sd_varlink_close(link);
}
int be_silent(sd_varlink*, sd_json_variant*, sd_varlink_method_flags_t, void*) {
    return 1;
}

// A real varlink server in a thread of its own.
class Node {
  public:
    Node() {
        sd_event_new(&event_);
        sd_varlink_server_new(&server_, SD_VARLINK_SERVER_INHERIT_USERDATA);
        sd_varlink_server_bind_method(server_, "org.xtreemos.test.Reply", reply);
        sd_varlink_server_bind_method(server_, "org.xtreemos.test.Refuse", refuse);
        sd_varlink_server_bind_method(server_, "org.xtreemos.test.Disconnect", disconnect);
        sd_varlink_server_bind_method(server_, "org.xtreemos.test.Silent", be_silent);
        sd_varlink_server_listen_address(server_, address().c_str(), 0600);
        sd_varlink_server_attach_event(server_, event_, SD_EVENT_PRIORITY_NORMAL);
        thread_ = std::jthread([this](const std::stop_token& stop) {
            while (!stop.stop_requested()) sd_event_run(event_, 20'000);
        });
    }
    ~Node() {
        thread_.request_stop();
        thread_.join();
        sd_varlink_server_shutdown(server_);  // connections hold the server, and the event loop holds them
        sd_varlink_server_detach_event(server_);
        sd_varlink_server_unref(server_);
        sd_event_unref(event_);
    }
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;
    std::string address() const { return dir_.path / "control"; }

  private:
    TempDir dir_;
    sd_event* event_ = nullptr;
    sd_varlink_server* server_ = nullptr;
    std::jthread thread_;
};

}  // namespace

TEST_CASE("a node's answers come back") {
    const Node node;
    const Json question = JsonObject().set("number", Json::integer(7)).build();
    const auto answer = call_node("org.xtreemos.test.Reply", question, 5s, node.address());
    REQUIRE(answer);
    CHECK(answer->format() == question.format());
}

TEST_CASE("a node's refusals are sentences with a code") {
    const Node node;
    const Json none = JsonObject().build();
    const auto refused = call_node("org.xtreemos.test.Refuse", none, 5s, node.address());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::denied);
    CHECK(refused.error().message == "job 7 is not yours?[2J");
    const auto unknown = call_node("org.xtreemos.test.Unknown", none, 5s, node.address());
    REQUIRE_FALSE(unknown);
    CHECK_THAT(unknown.error().message, ContainsSubstring("another version"));
    const auto gone = call_node("org.xtreemos.test.Disconnect", none, 5s, node.address());
    REQUIRE_FALSE(gone);
    CHECK(gone.error().code == Errc::unavailable);
    const auto late = call_node("org.xtreemos.test.Silent", none, 200ms, node.address());
    REQUIRE_FALSE(late);
    CHECK(late.error().code == Errc::timeout);
}

TEST_CASE("no xosd is said, whether its socket is absent or dead") {
    const TempDir dir;
    const std::string path = dir.path / "control";
    const auto absent = call_node("org.xtreemos.test.Reply", JsonObject().build(), 5s, path);
    REQUIRE_FALSE(absent);
    CHECK(absent.error().code == Errc::unavailable);
    CHECK_THAT(absent.error().message, ContainsSubstring("xosd is not running on this machine"));

    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    const int dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(bind(dead, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    close(dead);
    const auto refused = call_node("org.xtreemos.test.Reply", JsonObject().build(), 5s, path);
    REQUIRE_FALSE(refused);
    CHECK_THAT(refused.error().message, ContainsSubstring("xosd is not running on this machine"));
}
