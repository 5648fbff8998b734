// What a decision of policy costs: the index against a linear scan of the same rules.
//
//   policy [RULES..]     1, 100 and 10000 by default
//
// Both answer the same questions, of members drawn at random from 1000 and from a million, and must agree.
// They take turns in every round. A figure is the median over the rounds; a ratio is the median of the
// rounds' ratios. p50 and p99 are of single decisions, each between two looks at the clock, whose own cost is
// printed; the member's record has just been read, as it has where somebody asks. Decisions a second are of
// batches, and fetch the records from memory, too. Nanoseconds depend on the machine, ratios hardly do.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <print>
#include <random>
#include <string>
#include <vector>

#include "common/policy/policy_file.h"

using namespace xos;
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kRounds = 9;
constexpr auto kTurn = std::chrono::milliseconds(60);  // of one contestant in one round
constexpr size_t kQuestions = 1 << 14;
constexpr uint32_t kGroups = 2000, kRoles = 20;

[[noreturn]] void die(const std::string& why) {
    std::println(stderr, "bench policy: {}", why);
    exit(1);
}

struct Person {
    std::string name;
    std::vector<std::string> groups, roles;
};

std::vector<Person> populate(size_t count) {
    std::mt19937 random(1);
    std::vector<Person> people(count);
    for (size_t i = 0; i < count; ++i) {
        people[i].name = std::format("user{:07}", i);
        for (size_t group = 0; group < 1 + i % 4; ++group)
            people[i].groups.push_back(std::format("group{}", random() % kGroups));
        if (i % 8 == 0) people[i].roles.push_back(std::format("role{}", random() % kRoles));
    }
    return people;
}

// As a VO of many groups writes them: most rules allow a group or a member something, some with conditions,
// one in ten denies.
std::string write_rules(size_t count) {
    std::string text;
    std::mt19937 random(2);
    for (size_t i = 0; i < count; ++i) {
        const bool deny = i % 10 == 9;
        text += deny         ? "- deny: submit\n"
                : i % 3 == 0 ? "- allow: [login, pty]\n"
                             : "- allow: [login, submit]\n";
        const unsigned whom = random() % 10;
        if (i == 0)
            text += "  vo: physics\n";
        else if (whom < 5)
            text += std::format("  user: user{:07}\n", random() % 1000 * 1000);
        else if (whom < 9)
            text += std::format("  group: group{}@physics\n", random() % kGroups);
        else
            text += std::format("  role: role{}\n  group: group{}\n", random() % kRoles, random() % kGroups);
        if (i % 7 == 3) text += "  when: {days: mon-fri, hours: 08:00-18:00}\n";
        if (i % 11 == 5) text += "  node: '*.example.org'\n";
        if (!deny && i % 3 != 0 && i % 5 == 0) text += "  limits: {jobs: 4, walltime: 12h}\n";
    }
    return text;
}

struct Question {
    const Person* person;
    Action action;
};

std::vector<Question> ask(const std::vector<Person>& people) {
    std::mt19937 random(3);
    std::vector<Question> questions;
    for (size_t i = 0; i < kQuestions; ++i)
        questions.push_back(
            {&people[random() % people.size()], random() % 2 == 0 ? Action::login : Action::submit});
    return questions;
}

const std::vector<std::string> kTags{"gpu", "ssd"};
const Circumstances kHere{"node1.example.org", "lab", kTags,
                          std::chrono::sys_days(std::chrono::year(2026) / 11 / 30) + std::chrono::hours(10)};

// Brings the member's record into the cache.
size_t read_record(const Person& person) {
    size_t bytes = static_cast<unsigned char>(person.name[0]);
    for (const auto* names : {&person.groups, &person.roles})
        for (const std::string& name : *names) bytes += static_cast<unsigned char>(name[0]);
    return bytes;
}

using Decide = Decision (Policy::*)(const Subject&, Action, const Circumstances&) const;

Decision answer(const Policy& policy, Decide decide, const Question& question) {
    const Person& person = *question.person;
    return (policy.*decide)({"physics", person.name, person.groups, person.roles}, question.action, kHere);
}

struct Figures {
    double p50 = 0, p99 = 0, each = 0;  // nanoseconds
};

double at(std::vector<double>& values, double part) {
    const auto place = values.begin() + static_cast<ptrdiff_t>(part * static_cast<double>(values.size() - 1));
    std::ranges::nth_element(values, place);
    return *place;
}

Figures take_turn(const Policy& policy, Decide decide, const std::vector<Question>& questions,
                  std::mt19937& random) {
    std::vector<double> singles;
    size_t permitted = 0, key = random() % kQuestions;
    const auto next = [&] { return key = (key + 1) % kQuestions; };
    for (const auto end = Clock::now() + kTurn / 2; Clock::now() < end || singles.size() < 100;) {
        const Question& question = questions[next()];
        if (read_record(*question.person) == 0) die("a member without a name");
        const auto start = Clock::now();
        permitted += answer(policy, decide, question).permit;
        singles.push_back(std::chrono::duration<double, std::nano>(Clock::now() - start).count());
    }
    size_t count = 0;
    const auto start = Clock::now();
    const auto end = start + kTurn / 2;
    do {
        for (int i = 0; i < 16; ++i) permitted += answer(policy, decide, questions[next()]).permit;
        count += 16;
    } while (Clock::now() < end);
    const double took = std::chrono::duration<double, std::nano>(Clock::now() - start).count();
    if (permitted == 0) die("nothing was permitted: the questions are none");
    return {at(singles, 0.5), at(singles, 0.99), took / static_cast<double>(count)};
}

double median_of(const std::vector<Figures>& rounds, double Figures::* figure) {
    std::vector<double> values;
    for (const Figures& round : rounds) values.push_back(round.*figure);
    return at(values, 0.5);
}

void compare(const Policy& policy, const std::vector<Question>& questions, size_t members) {
    for (const Question& question : questions) {
        const Decision a = answer(policy, &Policy::decide, question),
                       b = answer(policy, &Policy::scan, question);
        if (a.permit != b.permit || a.rule != b.rule) die("the index and the scan disagree");
        if (policy.rules().size() >= 10'000 && &question - questions.data() > 1000) break;
    }
    const std::array<Decide, 2> contestants{&Policy::decide, &Policy::scan};
    std::array<std::vector<Figures>, 2> rounds;
    std::mt19937 random(4);
    for (int round = 0; round < kRounds; ++round)
        for (size_t i = 0; i < 2; ++i)
            rounds[i].push_back(take_turn(policy, contestants[i], questions, random));
    for (size_t i = 0; i < 2; ++i) {
        std::vector<double> ratios;
        for (size_t round = 0; round < kRounds; ++round)
            ratios.push_back(rounds[i][round].each / rounds[0][round].each);
        std::println("{:>6} {:>8}  {:<12} {:>9.0f} ns {:>9.0f} ns {:>12.0f} /s {:>10.2f} x",
                     policy.rules().size(), members, i == 0 ? "index" : "linear scan",
                     median_of(rounds[i], &Figures::p50), median_of(rounds[i], &Figures::p99),
                     1e9 / median_of(rounds[i], &Figures::each), at(ratios, 0.5));
    }
}

double milliseconds_of(auto work) {
    std::vector<double> took;
    for (int i = 0; i < 3; ++i) {
        const auto start = Clock::now();
        work();
        took.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
    }
    return at(took, 0.5);
}

double cost_of_clock() {
    std::vector<double> took;
    for (int i = 0; i < 10000; ++i) {
        const auto start = Clock::now();
        took.push_back(std::chrono::duration<double, std::nano>(Clock::now() - start).count());
    }
    return at(took, 0.5);
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<size_t> counts;
    for (int i = 1; i < argc; ++i) {
        const long count = strtol(argv[i], nullptr, 10);
        if (count < 1 || count > static_cast<long>(kRulesMax)) die("a number of rules is 1 to 16384");
        counts.push_back(static_cast<size_t>(count));
    }
    if (counts.empty()) counts = {1, 100, 10'000};
    const auto few = populate(1000), many = populate(1'000'000);
    const auto of_few = ask(few), of_many = ask(many);
    std::vector<std::string> costs;
    std::println("a look at the clock: {:.0f} ns, in p50 and p99", cost_of_clock());
    std::println("{:>6} {:>8}  {:<12} {:>12} {:>12} {:>15} {:>12}", "rules", "members", "", "p50", "p99",
                 "decisions", "of index");
    for (const size_t count : counts) {
        const std::string yaml = write_rules(count);
        const auto policy = parse_policy(yaml, "policy");
        if (!policy) die(policy.error().message);
        const std::string compact = format_policy(*policy);
        compare(*policy, of_few, few.size());
        compare(*policy, of_many, many.size());
        costs.push_back(std::format(
            "{:>6} rules: {} bytes of YAML read and compiled in {:.1f} ms, {} bytes of compact JSON in "
            "{:.1f} ms, "
            "the index alone {:.1f} ms",
            count, yaml.size(), milliseconds_of([&] { (void)parse_policy(yaml, "policy"); }), compact.size(),
            milliseconds_of([&] { (void)parse_compact_policy(compact, "policy"); }),
            milliseconds_of([&] { (void)Policy("policy", policy->rules()); })));
    }
    for (const std::string& cost : costs) std::println("{}", cost);
    return 0;
}
