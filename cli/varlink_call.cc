#include "cli/varlink_call.h"

#include <systemd/sd-varlink.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>

namespace xos {
namespace {

constexpr size_t kMessageMax = 8 * 1024;

using Link = std::unique_ptr<sd_varlink, decltype(&sd_varlink_close_unref)>;

Errc code_of(std::string_view error) {
    static constexpr std::pair<std::string_view, Errc> kCodes[] = {
        {"NotFound", Errc::not_found},       {"Denied", Errc::denied},
        {"PermissionDenied", Errc::denied},  {"Invalid", Errc::invalid},
        {"InvalidParameter", Errc::invalid}, {"Unavailable", Errc::unavailable},
        {"Timeout", Errc::timeout},          {"Exists", Errc::exists},
        {"Conflict", Errc::conflict},
    };
    const std::string_view last = error.substr(error.rfind('.') + 1);
    for (const auto& [name, code] : kCodes)
        if (name == last) return code;
    return Errc::system;
}

std::unexpected<Failure> no_daemon(int error) {
    if (error == EACCES || error == EPERM)
        return failure_errno(error, "this user may not talk to xosd on this machine");
    return failure(
        Errc::unavailable,
        "xosd is not running on this machine; start it with: systemctl start xosd, or run this on a node");
}

// Text of the daemon for a terminal: it may quote what others sent.
std::string printable(std::string_view text) {
    std::string out;
    for (const char c : text) out += (c >= 0 && c < ' ' && c != '\n') || c == 0x7f ? '?' : c;
    return out;
}

std::unexpected<Failure> failure_of(const std::string& method, std::string_view error,
                                    const Json& parameters) {
    if (error == SD_VARLINK_ERROR_TIMEOUT) return failure(Errc::timeout, "xosd does not answer {}", method);
    if (error == SD_VARLINK_ERROR_DISCONNECTED)
        return failure(Errc::unavailable, "xosd ended while it dealt with {}; try again", method);
    if (error == SD_VARLINK_ERROR_METHOD_NOT_FOUND || error == SD_VARLINK_ERROR_INTERFACE_NOT_FOUND)
        return failure(Errc::unavailable, "xosd on this machine does not know {}: is it of another version?",
                       method);
    const JsonNode root = parameters.root();
    const auto message = root.string("message", kMessageMax);
    if (message) return std::unexpected(Failure{code_of(error), printable(*message)});
    if (error == SD_VARLINK_ERROR_PERMISSION_DENIED)
        return failure(Errc::denied, "xosd denies {} to this user", method);
    return failure(code_of(error), "xosd answered {} with {} {}", method, error, printable(root.format()));
}

Outcome<Link> connect_to(const std::string& address) {
    sd_varlink* raw = nullptr;
    if (const int error = sd_varlink_connect_address(&raw, address.c_str()); error < 0)
        return no_daemon(-error);
    return Link(raw, sd_varlink_close_unref);
}

Outcome<ControlAnswer> ask(const std::string& method, const Json& parameters, UniqueFd fd,
                           std::chrono::microseconds deadline, const std::string& address) {
    const auto link = connect_to(address);
    if (!link) return std::unexpected(link.error());
    sd_varlink* const raw = link->get();
    int error = sd_varlink_set_allow_fd_passing_input(raw, 1);
    if (error < 0) return failure_errno(-error, "cannot receive descriptors");
    if (fd) {
        if (error = sd_varlink_set_allow_fd_passing_output(raw, 1); error >= 0)
            error = sd_varlink_push_fd(raw, fd.get());
        if (error < 0) return failure_errno(-error, "cannot pass a descriptor");
        (void)fd.release();  // the link owns it now
    }
    error = sd_varlink_set_relative_timeout(raw, static_cast<uint64_t>(deadline.count()));
    if (error < 0) return failure_errno(-error, "cannot set a deadline");
    sd_json_variant* answer = nullptr;  // borrowed from the link
    const char* error_id = nullptr;
    error = sd_varlink_call(raw, method.c_str(), parameters.variant(), &answer, &error_id);
    if (error == -ETIME || error == -ETIMEDOUT)
        return failure(Errc::timeout, "xosd does not answer {}", method);
    if (error == -ECONNRESET || error == -EPIPE || error == -ENOTCONN)
        return failure(Errc::unavailable, "xosd ended while it dealt with {}; try again", method);
    if (error < 0 && error_id == nullptr) return failure_errno(-error, "cannot ask xosd for {}", method);
    Json result = Json::adopt(sd_json_variant_ref(answer));
    if (error_id != nullptr) return failure_of(method, error_id, result);
    return ControlAnswer{std::move(result), UniqueFd(std::max(sd_varlink_take_fd(raw, 0), -1))};
}

// What one step of a connection brought: sd_varlink_process() dispatches one answer at most.
struct Arrival {
    std::optional<Json> parameters;
    std::string error;
    bool last = false;
};

int take_arrival(sd_varlink* /*link*/, sd_json_variant* parameters, const char* error,
                 sd_varlink_reply_flags_t flags, void* userdata) {
    auto& arrival = *static_cast<Arrival*>(userdata);
    arrival.parameters = Json::adopt(sd_json_variant_ref(parameters));
    arrival.error = error == nullptr ? "" : error;
    arrival.last = (flags & SD_VARLINK_REPLY_CONTINUES) == 0;
    return 0;
}

// The next answer, into arrival.
Outcome<void> await_arrival(sd_varlink* link, Arrival& arrival, const std::string& method,
                            std::chrono::microseconds patience) {
    arrival = {};
    while (!arrival.parameters) {
        const int processed = sd_varlink_process(link);
        if (processed > 0) continue;
        const int waited =
            processed < 0 ? processed : sd_varlink_wait(link, static_cast<uint64_t>(patience.count()));
        if (waited == 0) return failure(Errc::timeout, "xosd does not answer {}", method);
        if (waited == -ECONNRESET || waited == -EPIPE || waited == -ENOTCONN)
            return failure(Errc::unavailable, "xosd ended while it dealt with {}; try again", method);
        if (waited < 0 && waited != -EINTR) return failure_errno(-waited, "cannot ask xosd for {}", method);
    }
    if (!arrival.error.empty()) return failure_of(method, arrival.error, *arrival.parameters);
    return {};
}

}  // namespace

Outcome<ControlAnswer> ask_node(const std::string& method, const Json& parameters,
                                std::chrono::microseconds deadline, const std::string& address) {
    return ask(method, parameters, UniqueFd(), deadline, address);
}

Outcome<Json> call_node_with(const std::string& method, const Json& parameters, UniqueFd fd,
                             std::chrono::microseconds deadline, const std::string& address) {
    auto answer = ask(method, parameters, std::move(fd), deadline, address);
    if (!answer) return std::unexpected(answer.error());
    return std::move(answer->parameters);
}

Outcome<Json> call_node(const std::string& method, const Json& parameters, std::chrono::microseconds deadline,
                        const std::string& address) {
    auto answer = ask_node(method, parameters, deadline, address);
    if (!answer) return std::unexpected(answer.error());
    return std::move(answer->parameters);
}

Outcome<void> observe_node(const std::string& method, const Json& parameters, const OnReply& on_reply,
                           std::chrono::microseconds patience, const std::string& address) {
    Arrival arrival;  // outlives the link, which knows its place
    const auto link = connect_to(address);
    if (!link) return std::unexpected(link.error());
    sd_varlink_set_userdata(link->get(), &arrival);
    int error = sd_varlink_bind_reply(link->get(), take_arrival);
    // the library's own deadline counts from the call on: await_arrival() has that of each answer
    if (error >= 0)
        error = sd_varlink_set_relative_timeout(
            link->get(), static_cast<uint64_t>(std::chrono::microseconds(kWaitDeadline).count()));
    if (error >= 0) error = sd_varlink_observe(link->get(), method.c_str(), parameters.variant());
    if (error < 0) return failure_errno(-error, "cannot ask xosd for {}", method);
    while (true) {
        if (auto arrived = await_arrival(link->get(), arrival, method, patience); !arrived) return arrived;
        if (auto taken = on_reply(*arrival.parameters); !taken) return taken;
        if (arrival.last) return {};
    }
}

}  // namespace xos
