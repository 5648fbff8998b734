// A web server of a directory, behind TLS with a certificate that no authority issued: openssl s_server.
// Process: tests only.
#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <string>
#include <vector>

#include "tests/unit/ssh/command.h"

namespace xos::test {

class TlsServer {
  public:
    explicit TlsServer(const std::string& directory) {
        const std::string key = directory + "/key.pem", der = directory + "/key.der",
                          digest = directory + "/digest";
        openssl({"req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=127.0.0.1", "-days", "2",
                 "-keyout", key, "-out", directory + "/cert.pem"});
        openssl({"pkey", "-in", key, "-pubout", "-outform", "DER", "-out", der});
        openssl({"dgst", "-sha256", "-binary", "-out", digest, der});
        pin_ = "SHA256:" + openssl({"base64", "-in", digest}).substr(0, 43);
        pid_ = fork();
        REQUIRE(pid_ >= 0);
        if (pid_ != 0) return;
        if (chdir(directory.c_str()) != 0) _exit(1);
        const int null = open("/dev/null", O_RDWR);
        dup2(null, 0), dup2(null, 1), dup2(null, 2);
        execlp("openssl", "openssl", "s_server", "-accept", ("127.0.0.1:" + port_).c_str(), "-cert",
               "cert.pem", "-key", "key.pem", "-WWW", nullptr);
        _exit(1);
    }
    ~TlsServer() {
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
    }
    TlsServer(const TlsServer&) = delete;
    TlsServer& operator=(const TlsServer&) = delete;

    // It listens some time after it was made.
    std::string url(const std::string& path) const { return "https://127.0.0.1:" + port_ + path; }
    const std::string& pin() const { return pin_; }

  private:
    static std::string openssl(std::vector<std::string> words) {
        words.insert(words.begin(), "openssl");
        const CommandResult done = run_command(words);
        REQUIRE(done.status == 0);
        return done.output;
    }

    std::string port_ = std::to_string(20000 + getpid() % 20000);
    std::string pin_;
    pid_t pid_ = -1;
};

}  // namespace xos::test
