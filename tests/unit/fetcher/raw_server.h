// A web server that says exactly what a test tells it to, however wrong. Process: tests only.
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "libxos/unique_fd.h"

namespace xos::test {

class RawServer {
  public:
    // answer gets each request's text and the connection; it runs in the server's thread.
    using Answer = std::function<void(const std::string& request, int connection)>;

    explicit RawServer(Answer answer) : answer_(std::move(answer)) {
        listener_.reset(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* const raw = reinterpret_cast<sockaddr*>(&address);
        REQUIRE(bind(listener_.get(), raw, size) == 0);
        REQUIRE(listen(listener_.get(), 16) == 0);
        REQUIRE(getsockname(listener_.get(), raw, &size) == 0);
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] { serve(); });
    }
    // Every request is answered with this text.
    explicit RawServer(std::string text)
        : RawServer([text = std::move(text)](const std::string&, int connection) { say(connection, text); }) {
    }
    ~RawServer() {
        stop_ = true;
        thread_.join();
    }

    std::string url(const std::string& path = "/bundle", const char* host = "127.0.0.1") const {
        return "http://" + std::string(host) + ":" + std::to_string(port_) + path;
    }
    std::vector<std::string> requests() {
        const std::lock_guard lock(mutex_);
        return requests_;
    }
    bool stopping() const { return stop_; }

    // false: the other end is gone.
    static bool say(int connection, std::string_view text) {
        while (!text.empty()) {
            const ssize_t count = send(connection, text.data(), text.size(), MSG_NOSIGNAL);
            if (count <= 0) return false;
            text.remove_prefix(static_cast<size_t>(count));
        }
        return true;
    }

  private:
    void serve() {
        while (!stop_) {
            pollfd slot{listener_.get(), POLLIN, 0};
            if (poll(&slot, 1, 20) <= 0) continue;
            const UniqueFd connection(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            std::string request;
            char buffer[4096];
            while (connection && !request.contains("\r\n\r\n")) {
                const ssize_t count = recv(connection.get(), buffer, sizeof buffer, 0);
                if (count <= 0) break;
                request.append(buffer, static_cast<size_t>(count));
            }
            if (request.empty()) continue;
            {
                const std::lock_guard lock(mutex_);
                requests_.push_back(request);
            }
            answer_(request, connection.get());
        }
    }

    Answer answer_;
    UniqueFd listener_;
    uint16_t port_ = 0;
    std::atomic<bool> stop_ = false;
    std::mutex mutex_;
    std::vector<std::string> requests_;
    std::thread thread_;
};

inline std::string ok(std::string_view body, std::string_view headers = "") {
    return "HTTP/1.1 200 OK\r\nConnection: close\r\n" + std::string(headers) +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

}  // namespace xos::test
