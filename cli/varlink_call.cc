#include "cli/varlink_call.h"

#include <systemd/sd-varlink.h>

#include <algorithm>
#include <memory>
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

}  // namespace

namespace {

Outcome<ControlAnswer> ask(const std::string& method, const Json& parameters, UniqueFd fd,
                           std::chrono::microseconds deadline, const std::string& address) {
    sd_varlink* raw = nullptr;
    int error = sd_varlink_connect_address(&raw, address.c_str());
    if (error < 0) return no_daemon(-error);
    const Link link(raw, sd_varlink_close_unref);
    if (error = sd_varlink_set_allow_fd_passing_input(raw, 1); error < 0)
        return failure_errno(-error, "cannot receive descriptors");
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

}  // namespace xos
