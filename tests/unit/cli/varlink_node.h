// A real varlink server in a thread of its own, in place of xosd. Process: tests only. Trusts: its caller.
#pragma once

#include <systemd/sd-varlink.h>

#include <initializer_list>
#include <string>
#include <thread>
#include <utility>

#include "tests/unit/ssh/command.h"

namespace xos::test {

class VarlinkNode {
  public:
    using Method = std::pair<const char*, sd_varlink_method_t>;

    // userdata is what the methods are handed.
    explicit VarlinkNode(std::initializer_list<Method> methods, void* userdata = nullptr) {
        sd_event_new(&event_);
        sd_varlink_server_new(&server_, SD_VARLINK_SERVER_INHERIT_USERDATA);
        sd_varlink_server_set_userdata(server_, userdata);
        for (const auto& [name, method] : methods) sd_varlink_server_bind_method(server_, name, method);
        sd_varlink_server_listen_address(server_, address().c_str(), 0600);
        sd_varlink_server_attach_event(server_, event_, SD_EVENT_PRIORITY_NORMAL);
        thread_ = std::jthread([this](const std::stop_token& stop) {
            while (!stop.stop_requested()) sd_event_run(event_, 20'000);
        });
    }
    ~VarlinkNode() {
        thread_.request_stop();
        thread_.join();
        sd_varlink_server_shutdown(server_);  // connections hold the server, and the event loop holds them
        sd_varlink_server_detach_event(server_);
        sd_varlink_server_unref(server_);
        sd_event_unref(event_);
    }
    VarlinkNode(const VarlinkNode&) = delete;
    VarlinkNode& operator=(const VarlinkNode&) = delete;
    std::string address() const { return dir_.path / "control"; }

  private:
    TempDir dir_;
    sd_event* event_ = nullptr;
    sd_varlink_server* server_ = nullptr;
    std::jthread thread_;
};

}  // namespace xos::test
