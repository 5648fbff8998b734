#include "session.h"

#include <sys/wait.h>

#include <ctime>

using namespace xos;

Grant credential() {
    return {.chain = std::string(9600, 'P') + "\n", .expires = time(nullptr) + 3600};
}

StandIn::Handler grants(const Grant& grant) {
    return [=](const Request& request) {
        if (std::get_if<AccountQuery>(&request)) return encode(AccountReply{{Verdict::permit, ""}});
        if (std::get_if<CloseSession>(&request)) return encode(CloseReply{{Verdict::permit, ""}});
        if (std::get_if<NoteKeys>(&request)) return encode(NoteReply{{grant.noted, "no such session"}});
        if (const auto* query = std::get_if<AuthenticateQuery>(&request)) {
            const bool same = query->login == "user1@physics" && query->chain == grant.chain;
            return encode(AuthenticateReply{{same ? Verdict::permit : Verdict::deny, "another chain"}});
        }
        return encode(SessionReply{{Verdict::permit, ""},
                                   kSession,
                                   grant.chain,
                                   grant.expires,
                                   "/home/xos/user1",
                                   "physics",
                                   grant.user,
                                   grant.memory,
                                   grant.processes});
    };
}

key_serial_t session_keyring() {
    return keyctl_get_keyring_ID(KEY_SPEC_SESSION_KEYRING, 0);
}

std::vector<key_serial_t> keys_of_session() {
    std::vector<key_serial_t> keys(64);
    const long size = keyctl_read(KEY_SPEC_SESSION_KEYRING, reinterpret_cast<char*>(keys.data()),
                                  keys.size() * sizeof keys[0]);
    keys.resize(size < 0 ? 0 : static_cast<size_t>(size) / sizeof keys[0]);
    return keys;
}

std::string describe(key_serial_t key) {
    char text[256];
    return keyctl_describe(key, text, sizeof text) < 0 ? "" : text;
}

std::string session_keyring_of(uid_t uid) {
    const std::string id = std::to_string(uid);
    return "keyring;" + id + ";" + id + ";0f030000;_ses";
}

std::string read_key(key_serial_t key) {
    std::string payload(kChainMax, '\0');
    const long size = keyctl_read(key, payload.data(), payload.size());
    payload.resize(size < 0 ? 0 : static_cast<size_t>(size));
    return payload;
}

int wait_for_exit(pid_t pid) {
    int status = 0;
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
