#include "bench/contest.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <print>
#include <random>
#include <thread>

namespace xos::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Nanoseconds = std::chrono::duration<double, std::nano>;

constexpr auto kTurn = std::chrono::milliseconds(20);
constexpr size_t kLeastSamples = 5;  // of one turn, however long they take

// Only the compiler does not know it: an answer and this is 0, but has to be there first.
const volatile size_t g_nothing = 0;

size_t choose_key(size_t keys) {
    static std::mt19937 random(1);
    return random() % keys;
}

// False: a wrong answer.
bool run_batch(const LookUp& look_up, size_t keys, size_t batch, size_t& key) {
    const size_t nothing = g_nothing;
    for (size_t i = 0; i < batch; ++i) {
        const size_t answer = look_up(key);
        if (answer == kWrong) return false;
        if (++key == keys) key = 0;
        key += answer & nothing;
    }
    return true;
}

// Of the medians of as many values drawn from these, again and again, the one that 95 of 100 do not exceed.
double upper_bound_of_median(const std::vector<double>& values) {
    constexpr size_t kDraws = 4000;
    std::mt19937 random(1);
    std::vector<double> medians, drawn(values.size());
    for (size_t draw = 0; draw < kDraws; ++draw) {
        for (double& value : drawn) value = values[random() % values.size()];
        medians.push_back(median(drawn));
    }
    std::ranges::sort(medians);
    return medians[kDraws * 95 / 100];
}

std::string show_time(double nanoseconds) {
    if (nanoseconds < 1e3) return std::format("{:.0f} ns", nanoseconds);
    if (nanoseconds < 1e6) return std::format("{:.3g} us", nanoseconds / 1e3);
    if (nanoseconds < 1e9) return std::format("{:.3g} ms", nanoseconds / 1e6);
    return std::format("{:.3g} s", nanoseconds / 1e9);
}

std::string show_ratio(double ratio) {
    return ratio < 100 ? std::format("{:.2f}", ratio) : std::format("{:.0f}", ratio);
}

std::string show_users(size_t users) {
    if (users == 0) return "";
    return users % 1'000'000 == 0 ? std::format("{}M", users / 1'000'000) : std::format("{}k", users / 1000);
}

void print_row(std::string_view what, std::string_view users, std::string_view pair, std::string_view above,
               std::string_view below, std::string_view ratio, std::string_view range, std::string_view goal,
               std::string_view verdict) {
    std::println("{:<36} {:>5}  {:<24} {:>9} {:>9} {:>8}  {:<19} {:<9} {}", what, users, pair, above, below,
                 ratio, range, goal, verdict);
    fflush(stdout);
}

}  // namespace

void die(const std::string& why) {
    std::println(stderr, "bench: {}", why);
    exit(1);
}

double median(std::vector<double> values) {
    std::ranges::nth_element(values, values.begin() + static_cast<ptrdiff_t>(values.size() / 2));
    return values[values.size() / 2];
}

Turn take_turn(LookUp look_up, size_t keys, size_t batch) {
    return [look_up = std::move(look_up), keys, batch, warm = false]() mutable -> Outcome<double> {
        std::vector<double> samples;
        size_t key = choose_key(keys);
        // Pages are mapped when they are touched first. Who takes one look-up at a time goes through all of
        // them in each.
        if (!run_batch(look_up, keys, warm || batch == 1 ? 1 : keys, key))
            return failure(Errc::invalid, "wrong answer");
        warm = true;
        const auto end = Clock::now() + kTurn;
        do {
            const auto start = Clock::now();
            if (!run_batch(look_up, keys, batch, key)) return failure(Errc::invalid, "wrong answer");
            samples.push_back(Nanoseconds(Clock::now() - start).count() / static_cast<double>(batch));
        } while (Clock::now() < end || samples.size() < kLeastSamples);
        return median(std::move(samples));
    };
}

Turn take_turn_of_two(std::function<LookUp()> start, size_t keys) {
    return [start = std::move(start), keys]() -> Outcome<double> {
        double rates[2] = {};  // look-ups a nanosecond; 0: a wrong answer
        const auto chain = [&](size_t thread) {
            const LookUp look_up = start();
            size_t key = thread * keys / 2, count = 0;
            const auto begin = Clock::now();
            do {
                if (!run_batch(look_up, keys, 64, key)) return;
                count += 64;
            } while (Clock::now() < begin + kTurn);
            rates[thread] = static_cast<double>(count) / Nanoseconds(Clock::now() - begin).count();
        };
        {
            const std::jthread other(chain, 1);
            chain(0);
        }
        if (rates[0] <= 0 || rates[1] <= 0) return failure(Errc::invalid, "wrong answer");
        return 1 / (rates[0] + rates[1]);
    };
}

void Contest::measure(Contestant& contestant) {
    if (!contestant.absence.empty()) return;
    if (const Outcome<double> figure = contestant.turn())
        contestant.rounds.push_back(*figure);
    else
        contestant.absence = figure.error().message;
}

void Contest::run(int rounds) {
    for (int round = 0; round < rounds; ++round) {
        for (Contestant& contestant : contestants_) measure(contestant);
        std::ranges::reverse(contestants_);
    }
}

const Contest::Contestant& Contest::contestant(std::string_view name) const {
    const auto found = std::ranges::find(contestants_, name, &Contestant::name);
    if (found == contestants_.end()) die(compose("{}: no contestant {}", what_, name));
    return *found;
}

Report::Report() {
    print_row("what", "users", "above / below", "above", "below", "ratio", "range", "goal", "");
}

void Report::print_absence(std::string_view what, std::string_view users, std::string_view pair,
                           std::string_view why) {
    ++absent_;
    print_row(what, users, pair, "", "", "", "", "", compose("NOT MEASURED: {}", why));
}

void Report::print_absence(const Contest& contest, const std::string& pair, const std::string& why) {
    print_absence(contest.what(), show_users(contest.users()), pair, why);
}

void Report::absent(std::string_view what, std::string_view name, std::string_view why) {
    print_absence(what, "", name, why);
}

void Report::number(std::string_view what, std::string_view name, double number, std::string_view unit,
                    std::optional<double> limit) {
    print_row(what, "", name, compose("{:.4g}{}", number, unit), "", "", "",
              limit ? compose("<= {:g}{}", *limit, unit) : "", limit ? judge(number <= *limit) : "");
}

std::optional<Report::Pair> Report::pair_up(const Contest& contest, std::string_view above,
                                            std::string_view below, std::string_view base) {
    const Contest::Contestant& first = contest.contestant(above);
    const Contest::Contestant& second = contest.contestant(below);
    const Contest::Contestant* off = base.empty() ? nullptr : &contest.contestant(base);
    for (const Contest::Contestant* each : {&first, &second, off})
        if (each != nullptr && !each->absence.empty()) {
            print_absence(contest, compose("{} / {}", above, below),
                          compose("{}: {}", each->name, each->absence));
            return {};
        }
    Pair pair;
    for (size_t round = 0; round < first.rounds.size(); ++round) {
        const double less = off != nullptr ? off->rounds[round] : 0;
        pair.above.push_back(first.rounds[round] - less);
        pair.below.push_back(second.rounds[round] - less);
        pair.ratios.push_back(pair.above.back() / pair.below.back());
    }
    return pair;
}

std::string Report::judge(bool held) {
    ++(held ? held_ : missed_);
    return held ? "held" : "MISSED";
}

std::optional<double> Report::compare(const Contest& contest, std::string_view above, std::string_view below,
                                      std::optional<Goal> goal, std::string_view base) {
    const auto pair = pair_up(contest, above, below, base);
    if (!pair) return {};
    const double ratio = median(pair->ratios);
    const auto [least, most] = std::ranges::minmax(pair->ratios);
    std::string bound, verdict;
    if (goal) {
        bound = compose("{} {:g}", goal->at_least ? ">=" : "<=", goal->bound);
        verdict = judge(goal->at_least ? ratio >= goal->bound : ratio <= goal->bound);
    }
    print_row(contest.what(), show_users(contest.users()), compose("{} / {}", above, below),
              show_time(median(pair->above)), show_time(median(pair->below)), show_ratio(ratio),
              compose("({} to {})", show_ratio(least), show_ratio(most)), bound, verdict);
    return ratio;
}

void Report::bound(const Contest& contest, std::string_view above, std::string_view below,
                   std::optional<double> limit) {
    const auto pair = pair_up(contest, above, below, {});
    if (!pair) return;
    const double most = upper_bound_of_median(pair->ratios);
    print_row(contest.what(), show_users(contest.users()), compose("{} / {}", above, below),
              show_time(median(pair->above)), show_time(median(pair->below)),
              compose("{:.3f}", median(pair->ratios)), compose("(95 %: <= {:.3f})", most),
              limit ? compose("<= {:g}", *limit) : "", limit ? judge(most <= *limit) : "");
}

void Report::count(const Contest& contest, std::string_view name, size_t reached, size_t wanted) {
    const Contest::Contestant& one = contest.contestant(name);
    if (!one.absence.empty()) return print_absence(contest, one.name, one.absence);
    print_row(contest.what(), show_users(contest.users()), name, std::to_string(reached), "", "", "",
              compose(">= {}", wanted), judge(reached >= wanted));
}

void Report::state(const Contest& contest, std::string_view name, std::optional<double> limit) {
    const Contest::Contestant& one = contest.contestant(name);
    if (!one.absence.empty()) return print_absence(contest, one.name, one.absence);
    const double figure = median(one.rounds);
    std::string bound, verdict;
    if (limit) {
        bound = "<= " + show_time(*limit);
        verdict = judge(figure <= *limit);
    }
    print_row(contest.what(), show_users(contest.users()), name, show_time(figure), "", "", "", bound,
              verdict);
}

int Report::finish() const {
    std::println("goals: {} held, {} missed; {} rows not measured", held_, missed_, absent_);
    return absent_ == 0 ? 0 : 1;
}

}  // namespace xos::bench
