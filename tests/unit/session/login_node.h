// A node with the real verifier whose login service is asked as sshd and PAM ask it. Process: tests only.
#pragma once

#include <unistd.h>

#include <memory>
#include <optional>
#include <string>

#include "common/file.h"
#include "tests/unit/session/verifying_node.h"
#include "xosd/container/pidfd.h"
#include "xosd/session/login_service.h"

namespace xos::test {

struct LoginNode : VerifyingNode {
    SessionStore sessions{database, loop};
    const std::string audit_path = dir.path / "audit.log";
    AuditLog audit{{.path = audit_path, .journal = ""}};
    std::optional<SessionSupervisor> supervisor;
    std::optional<LoginService> service;

    LoginNode() {
        config.home_root = dir.path / "homes";
        REQUIRE(sessions.load());
        supervisor.emplace(SessionSupervisor::Parts{loop, config, trust, sessions, audit});
        service.emplace(LoginService::Parts{loop, config, trust, sessions, *supervisor, *verifier, audit});
    }
    std::string last_audit() const {
        std::string text = must(xos::read_file(audit_path, 1 << 20));
        text.pop_back();
        return text.substr(text.rfind('\n') + 1);
    }
    std::string certificate() const { return encode_base64(as_bytes(wrap_any(ca.issue("user1", key), key))); }
    std::string auth_info() const { return "publickey " + std::string(kSshCertType) + " " + certificate(); }

    // The verdict, and what came with it.
    struct Answer {
        Verdict verdict = Verdict::unavailable;
        std::string reason, line, chain, home;
        uint64_t session = 0;
        bool there = false;
    };
    template <typename Ask>
    Answer wait(Ask ask) {
        const auto answer = std::make_shared<Answer>();
        ask(answer);
        for (int i = 0; i < 200 && !answer->there; ++i) sd_event_run(loop.get(), 50'000);
        REQUIRE(answer->there);
        return *answer;
    }
    Answer ask_keys(const std::string& login, uint32_t asked_uid, std::string_view type,
                    const std::string& blob) {
        return wait([&](const std::shared_ptr<Answer>& answer) {
            service->answer_keys({login, asked_uid, type, blob, "192.0.2.7"},
                                 [answer](const KeysReply& reply) {
                                     *answer = {reply.answer.verdict,
                                                std::string(reply.answer.reason),
                                                std::string(reply.line),
                                                "",
                                                "",
                                                0,
                                                true};
                                 });
        });
    }
    Answer open(std::string_view service_name, const std::string& auth,
                const std::string& login = "user1@physics") {
        return wait([&](const std::shared_ptr<Answer>& answer) {
            PamCaller caller{getpid(), 0, UniqueFd(pidfd_open(getpid(), 0))};
            service->open_session({login, service_name, "desk", "", auth}, std::move(caller),
                                  [answer](const SessionReply& reply) {
                                      *answer = {reply.answer.verdict,
                                                 std::string(reply.answer.reason),
                                                 "",
                                                 std::string(reply.chain),
                                                 std::string(reply.home),
                                                 reply.session,
                                                 true};
                                  });
        });
    }
};

}  // namespace xos::test
