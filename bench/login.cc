// What a login costs, by the programs that people use: ssh and su of a member, of local users, of the floor.
//
//   login NAME=VALUE..     bench/login prepares the nodes and says where they are; it is what to call
//
// The nodes are as scripts/node makes them, with sshd, PAM and our packages of Debian 13. Contestants take
// turns as bench/contest.h says. A login by ssh is from ssh's execve(2) until its end, on the node "desk"; of
// a member it has a certificate that the node has not seen before, where the row does not say "again". The
// floor is a certificate of an SSH CA for a local user and a session module that does nothing: what any login
// by certificate costs on that sshd. What a login costs local users is CPU time, of all processes that have
// to do with it, on a node with our parts against one from which they were taken out, and against one where
// modules that do nothing are in their places ("empty").
#include <charconv>
#include <functional>
#include <map>
#include <print>
#include <thread>

#include "bench/contest.h"
#include "bench/machine.h"

using namespace xos;
using namespace xos::bench;
namespace {

constexpr size_t kLoginsAtOnce = 200;

class Arguments {
  public:
    Arguments(int argc, char** argv) {
        for (int i = 1; i < argc; ++i) {
            const std::string_view text = argv[i];
            const size_t equals = text.find('=');
            if (equals == std::string_view::npos) die(compose("{} is not NAME=VALUE", text));
            values_[std::string(text.substr(0, equals))] = text.substr(equals + 1);
        }
    }
    const std::string& text(const std::string& name) const {
        const auto found = values_.find(name);
        if (found == values_.end()) die(compose("{}= is missing; bench/login gives it", name));
        return found->second;
    }
    uint32_t number(const std::string& name) const {
        const std::string& digits = text(name);
        uint32_t value = 0;
        if (std::from_chars(digits.data(), digits.data() + digits.size(), value).ptr !=
                digits.data() + digits.size() ||
            digits.empty())
            die(compose("{}={} is not a number", name, digits));
        return value;
    }
    Machine machine(const std::string& name) const {
        auto machine = Machine::open(text(name));
        if (!machine) die(machine.error().message);
        return std::move(*machine);
    }

  private:
    std::map<std::string, std::string> values_;
};

struct Field {
    explicit Field(const Arguments& given)
        : arguments(given),
          desk(given.machine("desk")),
          with(given.machine("with")),
          without(given.machine("without")),
          empty(given.machine("empty")) {}

    const Arguments& arguments;
    Machine desk, with, without, empty;

    int rounds() const { return static_cast<int>(arguments.number("rounds")); }
    int pairs() const { return static_cast<int>(arguments.number("pairs")); }
    const std::string& login() const { return arguments.text("login"); }

    // By the desk's user; his agents and the program that knows the password are in his home.
    Command at_desk(std::vector<std::string> command, std::string_view agent) const {
        const std::string home = "/home/user1";
        return {.machine = &desk,
                .arguments = std::move(command),
                .environment = {"HOME=" + home, "USER=user1", "LOGNAME=user1", "PATH=/usr/bin:/bin",
                                "SSH_AUTH_SOCK=" + compose("{}/{}.agent", home, agent),
                                "SSH_ASKPASS=" + home + "/password", "SSH_ASKPASS_REQUIRE=force"},
                .uid = arguments.number("desk-uid"),
                .gid = arguments.number("desk-uid")};
    }
    Command ssh(std::string_view login_name, const Machine& node, std::string_view agent) const {
        return at_desk(
            {"/usr/bin/ssh", "-n", "-o", "LogLevel=ERROR", compose("{}@{}", login_name, node.name()), "true"},
            agent);
    }
    Command in_node(const Machine& node, std::vector<std::string> command) const {
        return {
            .machine = &node,
            .arguments = std::move(command),
            .environment = {"HOME=/root", "USER=root", "LOGNAME=root", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}};
    }
};

Turn take_turn_of(Command command, const Machine& node, std::function<Outcome<void>()> before = {}) {
    return [command = std::move(command), &node, before = std::move(before)]() -> Outcome<double> {
        if (before)
            if (auto done = before(); !done) return std::unexpected(done.error());
        if (auto settled = node.settle(); !settled) return std::unexpected(settled.error());
        return run(command).transform([](const Ended& ended) { return ended.took.count(); });
    };
}

void measure_logins(const Field& field, Report& report) {
    const Command member = field.ssh(field.login(), field.with, "member");
    const auto renew = [&field]() -> Outcome<void> {
        return run(field.at_desk({"/usr/bin/xos", "login", field.login()}, "member"))
            .transform([](const Ended&) {});
    };
    Contest contest("login by ssh", 0);
    contest.add("member", take_turn_of(member, field.with, renew));
    contest.add("member again", take_turn_of(member, field.with));
    contest.add("local key", take_turn_of(field.ssh("local1", field.with, "key"), field.with));
    contest.add("floor", take_turn_of(field.ssh("local2", field.with, "floor"), field.with));
    contest.add("password", take_turn_of(field.ssh("local3", field.with, "none"), field.with));
    contest.run(field.rounds());
    report.compare(contest, "member", "local key", at_most(1.4));
    report.compare(contest, "member", "floor", at_most(1.1));
    report.compare(contest, "member", "password", at_most(0.9));
    report.compare(contest, "member again", "floor");
    report.compare(contest, "floor", "local key");
}

void measure_su(const Field& field, Report& report) {
    Contest contest("su - from root", 0);
    for (const auto& [name, login] :
         {std::pair("member", field.login()), std::pair("local", std::string("local1"))})
        contest.add(name, take_turn_of(field.in_node(field.with, {"/usr/bin/su", "-", login, "-c", "true"}),
                                       field.with));
    contest.run(field.rounds());
    report.compare(contest, "member", "local", at_most(1.3));
}

// The program as sshd's configuration has it, each token in its place; sshd_config(5), TOKENS.
std::vector<std::string> keys_command(const Field& field, std::string_view key) {
    const size_t blank = key.find(' ');
    if (blank == std::string_view::npos) die(compose("\"{}\" is not a type and a key", key));
    const std::map<std::string, std::string, std::less<>> tokens{{"%u", field.login()},
                                                                 {"%U", field.arguments.text("uid")},
                                                                 {"%t", std::string(key.substr(0, blank))},
                                                                 {"%k", std::string(key.substr(blank + 1))},
                                                                 {"%C", "127.0.0.1 40000 127.0.0.1 22"}};
    std::vector<std::string> out;
    std::string_view rest = field.arguments.text("keys-command");
    while (!rest.empty()) {
        const std::string_view word = rest.substr(0, rest.find(' '));
        rest.remove_prefix(std::min(rest.size(), word.size() + 1));
        const auto token = tokens.find(word);
        if (token == tokens.end() && word.starts_with('%'))
            die(compose("the keys command has a token {}", word));
        out.emplace_back(token != tokens.end() ? token->second : word);
    }
    return out;
}

void measure_keys_command(const Field& field, Report& report) {
    constexpr double kLimit = 1e6;
    Contest contest("CPU of the keys command", 0);
    for (const char* kind : {"certificate", "plain key"}) {
        Command command = field.in_node(field.with, keys_command(field, field.arguments.text(kind)));
        command.uid = field.arguments.number("keys-uid");
        command.gid = field.arguments.number("keys-gid");
        const bool is_certificate = std::string_view(kind) == "certificate";
        contest.add(kind, [command, is_certificate]() -> Outcome<double> {
            const auto answered = run(command);
            if (!answered) return std::unexpected(answered.error());
            if (answered->output.starts_with("cert-authority") != is_certificate)
                return failure(Errc::invalid, "it answers \"{}\"", answered->output);
            return run_for_cpu(command);
        });
    }
    contest.add("true",
                [command = field.in_node(field.with, {"/usr/bin/true"})] { return run_for_cpu(command); });
    contest.run(field.rounds());
    report.state(contest, "true");
    report.state(contest, "certificate", kLimit);
    report.state(contest, "plain key", kLimit);
}

// CPU time of a part of the node from before a login until its last process there has ended.
Turn take_cpu_turn(Command ssh, const Machine& node, std::string part) {
    return [&node, ssh = std::move(ssh), part = std::move(part)]() -> Outcome<double> {
        if (auto settled = node.settle(); !settled) return std::unexpected(settled.error());
        const auto before = node.used(part);
        if (!before) return before;
        if (auto ended = run(ssh); !ended) return std::unexpected(ended.error());
        if (auto settled = node.settle(); !settled) return std::unexpected(settled.error());
        return node.used(part).transform([&](double after) { return after - *before; });
    };
}

// The node's whole side: sshd, what it starts, xosd and its children.
void measure_cpu_of_logins(const Field& field, Report& report) {
    Contest contest("CPU of a login, on the node", 0);
    contest.add("member", take_cpu_turn(field.ssh(field.login(), field.with, "member"), field.with, "."));
    contest.add("local key", take_cpu_turn(field.ssh("local1", field.with, "key"), field.with, "."));
    contest.add("floor", take_cpu_turn(field.ssh("local2", field.with, "floor"), field.with, "."));
    contest.run(field.rounds());
    report.compare(contest, "member", "local key");
    report.compare(contest, "member", "floor");
}

void measure_local_users(const Field& field, Report& report) {
    constexpr double kMost = 1.02;
    Contest by_ssh("CPU of a local user's login by ssh", 0), by_su("CPU of su to a local user", 0);
    for (const auto& [name, node] : {std::pair("with", &field.with), std::pair("without", &field.without),
                                     std::pair("empty", &field.empty)}) {
        by_ssh.add(name, take_cpu_turn(field.ssh("local1", *node, "key"), *node, "sshd"));
        by_su.add(name, [command = field.in_node(*node, {"/usr/bin/su", "local1", "-c", "true"})] {
            return run_for_cpu(command);
        });
    }
    for (Contest* contest : {&by_ssh, &by_su}) {
        contest->run(field.pairs());
        report.bound(*contest, "with", "without", kMost);
        report.bound(*contest, "empty", "without");
        report.bound(*contest, "with", "empty");
    }
}

void measure_many(const Field& field, Report& report) {
    size_t reached = 0;
    std::string first_failure;
    Contest contest(compose("{} logins at once", kLoginsAtOnce), 0);
    contest.add("member", [&]() -> Outcome<double> {
        std::vector<Run> runs;
        for (size_t i = 0; i < kLoginsAtOnce; ++i) {
            auto one = Run::prepare(field.ssh(field.login(), field.with, "member"));
            if (!one) return std::unexpected(one.error());
            runs.push_back(std::move(*one));
        }
        const auto start = std::chrono::steady_clock::now();
        for (Run& one : runs) one.begin();
        for (Run& one : runs) {
            const auto ended = one.wait();
            if (ended)
                ++reached;
            else if (first_failure.empty())
                first_failure = ended.error().message;
        }
        return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count();
    });
    contest.run(1);
    report.count(contest, "member", reached, kLoginsAtOnce);
    report.state(contest, "member");
    if (!first_failure.empty()) std::println("the first that failed: {}", first_failure);
}

}  // namespace

int main(int argc, char** argv) {
    const Arguments arguments(argc, argv);
    const Field field(arguments);
    Report report;
    measure_logins(field, report);
    measure_cpu_of_logins(field, report);
    measure_su(field, report);
    measure_keys_command(field, report);
    measure_many(field, report);
    measure_local_users(field, report);
    return report.finish();
}
