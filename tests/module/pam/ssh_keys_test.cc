#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <optional>
#include <string>

#include "in_child.h"
#include "session.h"
#include "stand_in.h"

using namespace xos;

namespace {

constexpr char kCertificate[] = "ssh-ed25519-cert-v01@openssh.com";
constexpr uid_t kKeysUid = 1002;
constexpr char kLine[] = "cert-authority,restrict,principals=\"user1@physics\" ssh-ed25519 AAAA";

StandIn::Handler answers(Verdict verdict, const char* reason) {
    return [=](const Request& request) -> Bytes {
        const auto* query = std::get_if<KeysQuery>(&request);
        if (query == nullptr || query->login != "user1@physics" || query->uid != 2143289345) return {};
        if (query->key_type != kCertificate || query->key.substr(0, 4) != "AAAA") return {};
        Bytes bytes(kReplyMax);
        bytes.resize(*encode_reply(KeysReply{{verdict, reason}, kLine}, bytes));
        return bytes;
    };
}

// What the program prints, run as sshd runs it: another user, nothing but its arguments. Its exit status must
// be 0.
std::string printed(const std::string& login, const char* uid, const char* type, const std::string& key) {
    int ends[2];
    if (pipe(ends) != 0) return "no pipe";
    const pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        if (setresgid(kKeysUid, kKeysUid, kKeysUid) != 0 || setresuid(kKeysUid, kKeysUid, kKeysUid) != 0)
            _exit(99);
        char* const environment[] = {nullptr};
        execle(XOS_SSH_KEYS, "xos-ssh-keys", login.c_str(), uid, type, key.c_str(), nullptr, environment);
        _exit(98);
    }
    close(ends[1]);
    std::string text;
    char part[4096];
    for (ssize_t size; (size = read(ends[0], part, sizeof part)) > 0;)
        text.append(part, static_cast<size_t>(size));
    close(ends[0]);
    const int status = wait_for_exit(pid);
    return status == 0 ? text : "exit status " + std::to_string(status);
}

}  // namespace

TEST_CASE("xos-ssh-keys prints the line that xosd answers") {
    const StandIn xosd(answers(Verdict::permit, ""));
    CHECK(printed("user1@physics", "2143289345", kCertificate, "AAAA") == std::string(kLine) + "\n");
    // the longest argument that the kernel takes, with its NUL
    const std::string longest(kKeyBlobMax - 1, 'A');
    CHECK(printed("user1@physics", "2143289345", kCertificate, longest) == std::string(kLine) + "\n");
    CHECK(xosd.connections() == 2);
}

TEST_CASE("xos-ssh-keys prints nothing where xosd does not permit or is not there") {
    CHECK(printed("user1@physics", "2143289345", kCertificate, "AAAA").empty());
    for (const Verdict verdict : {Verdict::deny, Verdict::expired, Verdict::unavailable}) {
        const StandIn xosd(answers(verdict, "no"));
        CHECK(printed("user1@physics", "2143289345", kCertificate, "AAAA").empty());
        CHECK(xosd.connections() == 1);
    }
    const StandIn garbage([](const Request&) { return Bytes(9, std::byte{'x'}); });
    CHECK(printed("user1@physics", "2143289345", kCertificate, "AAAA").empty());
}

TEST_CASE("xos-ssh-keys does not trouble xosd with plain keys or with what cannot be a login") {
    const StandIn xosd(answers(Verdict::permit, ""));
    CHECK(printed("user1@physics", "2143289345", "ssh-ed25519", "AAAA").empty());
    CHECK(printed("root", "0", kCertificate, "AAAA").empty());
    CHECK(printed("user1@physics", "-1", kCertificate, "AAAA").empty());
    CHECK(printed("user1@physics", "2143289345x", kCertificate, "AAAA").empty());
    CHECK(printed("user1@physics", "99999999999", kCertificate, "AAAA").empty());
    CHECK(printed("user1@physics", "", kCertificate, "AAAA").empty());
    CHECK(printed("user1@physics", "2143289345", kCertificate, "AA AA").empty());
    CHECK(printed("user1@physics", "2143289345", kCertificate, "").empty());
    CHECK(xosd.connections() == 0);
}
