// What userdbctl and nss-systemd ask, and what nobody should, over a socket of the real server.
#include "userdb/userdb_server.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <atomic>
#include <fstream>
#include <set>
#include <thread>

#include "common/json.h"
#include "libxos/names.h"
#include "tests/unit/identity/sample_accounts.h"
#include "tests/unit/session/as_root.h"

using namespace xos;
using namespace xos::test;

namespace {

constexpr char kService[] = R"("service":"org.xtreemos.Accounts")";

UniqueFd connect_to(const std::string& path) {
    UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    return fd;
}

// One connection, message by message: each ends in NUL (varlink.org/Interface-Definition).
class Client {
  public:
    explicit Client(const std::string& path) : fd_(connect_to(path)) {}
    bool send(const std::string& text) {
        const std::string bytes = text + '\0';
        size_t sent = 0;
        while (sent < bytes.size()) {
            const ssize_t n = ::send(fd_.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
            if (n <= 0) return false;
            sent += static_cast<size_t>(n);
        }
        return true;
    }
    // The next message; "gone" where the server has closed, "silent" where it says nothing.
    std::string receive() {
        for (;;) {
            if (const size_t end = buffer_.find('\0'); end != std::string::npos) {
                const std::string message = buffer_.substr(0, end);
                buffer_.erase(0, end + 1);
                return message;
            }
            pollfd slot{fd_.get(), POLLIN, 0};
            if (poll(&slot, 1, 5000) <= 0) return "silent";
            char bytes[65536];
            const ssize_t n = recv(fd_.get(), bytes, sizeof bytes, 0);
            if (n <= 0) return "gone";
            buffer_.append(bytes, static_cast<size_t>(n));
        }
    }
    std::string call(const std::string& method, const std::string& parameters, bool more = false) {
        if (!send(R"({"method":"io.systemd.UserDatabase.)" + method + R"(","parameters":{)" + parameters +
                  "}" + (more ? R"(,"more":true})" : "}")))
            return "gone";
        return receive();
    }
    // All answers of a call with "more".
    std::vector<std::string> list(const std::string& method, const std::string& parameters) {
        std::vector<std::string> answers = {call(method, parameters, true)};
        while (answers.back().contains(R"("continues":true)")) answers.push_back(receive());
        return answers;
    }

  private:
    UniqueFd fd_;
    std::string buffer_;
};

struct Server {
    explicit Server(uint32_t users = 5) {
        require_root();
        write(users);
        start();
    }
    ~Server() {
        stop_ = true;
        thread_.join();
    }
    void write(uint32_t users) const {
        const std::string next = accounts + ".new";  // one that is mapped must not shrink
        std::ofstream(next) << *build_accounts_file(sample::snapshot(users));
        REQUIRE(chmod(next.c_str(), 0444) == 0);
        REQUIRE(rename(next.c_str(), accounts.c_str()) == 0);
    }
    Client client() const { return Client(path); }
    std::string ask(const std::string& method, const std::string& parameters) const {
        return client().call(method, parameters.empty() ? kService : parameters + "," + kService);
    }
    bool becomes_idle() {
        for (int i = 0; i < 250 && !idle_; ++i) usleep(20'000);
        return idle_;
    }

    sample::TempDir dir;
    std::string accounts = dir.path() + "/accounts", path = dir.path() + "/socket";

  private:
    void start() {
        UniqueFd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        REQUIRE(bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        REQUIRE(listen(listener.get(), 64) == 0);
        std::atomic<bool> ready = false;
        thread_ = std::thread([this, &ready, fd = std::move(listener)]() mutable {
            auto loop = EventLoop::create();
            auto server = UserdbServer::start(*loop, {accounts.c_str(), "/nonexistent"});
            if (!server || !(*server)->listen(std::move(fd))) std::abort();
            ready = true;
            while (!stop_) {
                sd_event_run(loop->get(), 20'000);
                idle_ = (*server)->is_idle();
            }
            // every client has gone: their connections hold the server until it has seen that
            for (int i = 0; i < 100 && !(*server)->is_idle(); ++i) sd_event_run(loop->get(), 20'000);
        });
        while (!ready) usleep(1000);
    }

    std::atomic<bool> stop_ = false, idle_ = false;
    std::thread thread_;
};

const std::string kUser1 = std::to_string(sample::kPhysics + 1);

}  // namespace

TEST_CASE("a user by name and by number") {
    const Server server;
    for (const std::string& key :
         std::vector<std::string>{R"("userName":"user1@physics")", R"("uid":)" + kUser1,
                                  R"("userName":"user1@physics","uid":)" + kUser1,
                                  R"("userName":"user1@physics","uid":null,"fuzzyNames":null)"}) {
        const std::string answer = server.ask("GetUserRecord", key);
        CAPTURE(key);
        CHECK(answer ==
              R"({"parameters":{"record":{"userName":"user1@physics","uid":)" + kUser1 + R"(,"gid":)" +
                  kUser1 +
                  R"(,"realName":"User user1","homeDirectory":"/home/physics/user1","shell":"/bin/sh",)"
                  R"("disposition":"regular","service":"org.xtreemos.Accounts"},"incomplete":false}})");
    }
}

TEST_CASE("groups, private ones among them") {
    const Server server;
    const std::string gid = std::to_string(sample::kAnalysis);
    for (const std::string& key : {std::string(R"("groupName":"analysis@physics")"), R"("gid":)" + gid}) {
        const std::string answer = server.ask("GetGroupRecord", key);
        CHECK(answer.contains(R"("groupName":"analysis@physics","gid":)" + gid));
        CHECK_FALSE(answer.contains("user3"));
    }
    CHECK(server.ask("GetGroupRecord", R"("gid":)" + kUser1).contains(R"("groupName":"user1@physics")"));
    CHECK(server.ask("GetGroupRecord", R"("groupName":"user1@physics","gid":)" + gid)
              .contains("ConflictingRecordFound"));
}

TEST_CASE("who is in which group") {
    const Server server;
    auto client = server.client();
    const auto of_user =
        client.list("GetMemberships", std::string(R"("userName":"user3@physics",)") + kService);
    REQUIRE(of_user.size() == 2);
    CHECK((of_user[0] + of_user[1]).contains(R"("groupName":"analysis@physics")"));
    CHECK((of_user[0] + of_user[1]).contains(R"("groupName":"members@physics")"));
    const auto of_group =
        client.list("GetMemberships", std::string(R"("groupName":"analysis@physics",)") + kService);
    REQUIRE(of_group.size() == 2);
    CHECK((of_group[0] + of_group[1]).contains("user1@physics"));
    CHECK((of_group[0] + of_group[1]).contains("user3@physics"));
    CHECK(client.list("GetMemberships", kService).size() == 7);
    const auto both = [&](const char* user, const char* group) {
        return server.ask("GetMemberships",
                          std::string(R"("userName":")") + user + R"(","groupName":")" + group + '"');
    };
    CHECK(both("user3@physics", "analysis@physics") ==
          R"({"parameters":{"userName":"user3@physics","groupName":"analysis@physics"}})");
    CHECK(both("user2@physics", "analysis@physics").contains("NoRecordFound"));
    CHECK(both("user9@physics", "analysis@physics").contains("NoRecordFound"));
    CHECK(both("root", "root").contains("NoRecordFound"));
    CHECK(client.call("GetMemberships", std::string(R"("userName":"ann@bio",)") + kService, true)
              .contains("NoRecordFound"));
}

TEST_CASE("all of them, one answer each") {
    const Server server;
    auto client = server.client();
    CHECK(client.list("GetUserRecord", kService).size() == 6);
    CHECK(client.list("GetGroupRecord", kService).size() == 8);
    CHECK(client.call("GetUserRecord", kService).contains("org.varlink.service.ExpectedMore"));
    CHECK(client.call("GetMemberships", kService).contains("org.varlink.service.ExpectedMore"));
}

TEST_CASE("what is not ours, and what is no question") {
    const Server server;
    for (const char* key : {R"("userName":"root")", R"("uid":0)", R"("uid":4294967295)", R"("userName":"")",
                            R"("userName":"user9@physics")", R"("uid":1879049000)", R"("userName":"@")"}) {
        CAPTURE(key);
        CHECK(server.ask("GetUserRecord", key) ==
              R"({"error":"io.systemd.UserDatabase.NoRecordFound","parameters":{}})");
    }
    CHECK(server.ask("GetUserRecord", R"("userName":"user1@physics","uid":0)")
              .contains("ConflictingRecordFound"));
    CHECK(server.ask("GetUserRecord", R"("userName":"root","uid":)" + kUser1)
              .contains("ConflictingRecordFound"));
    CHECK(server.client().call("GetUserRecord", R"("uid":0)").contains("BadService"));
    CHECK(server.client()
              .call("GetUserRecord", R"("uid":0,"service":"io.systemd.Home")")
              .contains("BadService"));
    CHECK(server.client().call("GetMemberships", "").contains("BadService"));
    for (const char* key :
         {R"("uid":-1)", R"("uid":4294967296)", R"("uid":"7")", R"("userName":7)", R"("uid":1.5)",
          R"("dispositionMask":["regular"])", R"("uidMin":1)", R"("strange":1)"}) {
        CAPTURE(key);
        CHECK(server.ask("GetUserRecord", key).contains("org.varlink.service.InvalidParameter"));
    }
    CHECK(server.ask("GetNothing", "").contains("MethodNotFound"));
}

TEST_CASE("without accounts only what is not ours is known") {
    const Server server;
    REQUIRE(unlink(server.accounts.c_str()) == 0);
    CHECK(server.ask("GetUserRecord", R"("userName":"user1@physics")").contains("ServiceNotAvailable"));
    CHECK(server.ask("GetGroupRecord", R"("gid":)" + kUser1).contains("ServiceNotAvailable"));
    CHECK(server.ask("GetUserRecord", R"("userName":"root")").contains("NoRecordFound"));
    CHECK(server.client().call("GetUserRecord", kService, true).contains("ServiceNotAvailable"));
    server.write(1);
    CHECK(server.ask("GetUserRecord", R"("userName":"user1@physics")").contains("homeDirectory"));
}

TEST_CASE("hostile bytes end their own connection at most") {
    const Server server;
    const std::string huge(3'000'000, 'a');
    const std::vector<std::string> attacks = {
        "",
        "{",
        "[]",
        "null",
        R"({"method":7})",
        R"({"method":"io.systemd.UserDatabase.GetUserRecord","parameters":[]})",
        "\xff\xfe\x01",
        std::string(100'000, '['),
        R"({"method":"io.systemd.UserDatabase.GetUserRecord","parameters":{"userName":"a\u0000@b",)" +
            std::string(kService) + "}}",
        R"({"method":"io.systemd.UserDatabase.GetUserRecord","parameters":{"userName":")" + huge +
            R"(@physics",)" + kService + "}}",
        R"({"method":"io.systemd.UserDatabase.GetUserRecord","parameters":{)" + std::string(kService) +
            R"(},"more":"yes"})",
        R"({"method":"io.systemd.UserDatabase.GetUserRecord","parameters":{)" + std::string(kService) +
            R"(},"oneway":true,"more":true})"};
    for (const std::string& attack : attacks) {
        auto client = server.client();
        client.send(attack);
        CAPTURE(attack.substr(0, 80));
        CHECK(server.ask("GetUserRecord", R"("userName":"user1@physics")").contains("homeDirectory"));
    }
    {
        auto client = server.client();
        client.send(attacks[9]);
        CHECK(client.receive().contains("NoRecordFound"));
    }
    std::vector<Client> many;  // each with half a message
    for (int i = 0; i < 40; ++i) {
        many.push_back(server.client());
        many.back().send(R"({"method":"io.sys)");
    }
    CHECK(server.ask("GetUserRecord", R"("userName":"user1@physics")").contains("homeDirectory"));
}

TEST_CASE("a caller that does not read keeps nobody waiting, and misses nothing") {
    Server server(30'000);
    {
        auto slow = server.client();
        slow.send(R"({"method":"io.systemd.UserDatabase.GetUserRecord","parameters":{)" +
                  std::string(kService) + R"(},"more":true})");
        usleep(300'000);
        CHECK(server.ask("GetUserRecord", R"("userName":"user30000@physics")").contains("homeDirectory"));
        server.write(3);  // the answers stay those of the file of then
        std::set<std::string> names;
        std::string answer;
        do {
            answer = slow.receive();
            const size_t at = answer.find("userName\":\"");
            if (at != std::string::npos) names.insert(answer.substr(at, answer.find(',', at) - at));
        } while (answer.contains(R"("continues":true)"));
        CHECK(names.size() == 30'001);
        auto vanishing = server.client();
        vanishing.call("GetMemberships", kService, true);
    }
    CHECK(server.becomes_idle());
    CHECK(server.ask("GetUserRecord", R"("userName":"user1@physics")").contains("homeDirectory"));
}
