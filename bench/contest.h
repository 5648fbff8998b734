// Turns, medians, ratios and verdicts: how the programs of bench/ compare.
//
// Contestants take turns in every round, each second round backwards, so that whatever else the machine does
// hits all of them alike. A figure is the median over the rounds; a ratio is the median of the rounds'
// ratios. Nanoseconds depend on the machine, ratios hardly do.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/failure.h"

namespace xos::bench {

[[noreturn]] void die(const std::string& why);

double median(std::vector<double> values);

// Measures one contestant once: the nanoseconds of one operation. A failure takes it out of the contest.
using Turn = std::function<Outcome<double>()>;

// What an operation answers where the answer was wrong.
inline constexpr size_t kWrong = ~size_t{0};

// One operation on key number key. Its result is something of the answer, or kWrong.
using LookUp = std::function<size_t(size_t key)>;
// A turn of look-ups that go through keys in their order, from anywhere, and each need the answer of the one
// before: else the processor would do several at once and hide what one takes. Its figure is the median of
// its batches; a batch of 64 makes the two looks at the clock not count.
Turn take_turn(LookUp look_up, size_t keys, size_t batch);
// Two threads at once, each with a chain of its own: nanoseconds of one look-up of the pair's throughput.
// start is called in each thread before its first look-up and must give it a LookUp of its own.
Turn take_turn_of_two(std::function<LookUp()> start, size_t keys);

class Contest {
  public:
    Contest(std::string what, size_t users) : what_(std::move(what)), users_(users) {}

    void add(std::string name, Turn turn) {
        contestants_.push_back({std::move(name), std::move(turn), {}, {}});
    }
    // One that could not be prepared: its rows say why.
    void add_absent(std::string name, std::string why) {
        contestants_.push_back({std::move(name), {}, {}, std::move(why)});
    }
    void add(std::string name, const Outcome<void>& prepared, Turn turn) {
        if (prepared)
            add(std::move(name), std::move(turn));
        else
            add_absent(std::move(name), prepared.error().message);
    }
    void run(int rounds);

    struct Contestant {
        std::string name;
        Turn turn;
        std::vector<double> rounds;
        std::string absence;  // why it is out; empty: it is in
    };
    [[nodiscard]] const Contestant& contestant(std::string_view name) const;
    [[nodiscard]] const std::string& what() const { return what_; }
    [[nodiscard]] size_t users() const { return users_; }

  private:
    static void measure(Contestant& contestant);
    std::string what_;
    size_t users_;
    std::vector<Contestant> contestants_;
};

struct Goal {
    bool at_least = false;
    double bound = 0;
};
inline Goal at_most(double bound) {
    return {false, bound};
}
inline Goal at_least(double bound) {
    return {true, bound};
}

// The table that a bench prints, row by row.
class Report {
  public:
    Report();
    // above / below, which is returned. base: what is taken off both first, such as a process that looks
    // nothing up.
    std::optional<double> compare(const Contest& contest, std::string_view above, std::string_view below,
                                  std::optional<Goal> goal = {}, std::string_view base = {});
    // A row without a comparison; limit: nanoseconds that it is to be at most.
    void state(const Contest& contest, std::string_view name, std::optional<double> limit = {});
    // above / below, as far as one can say: the upper end of what holds in 95 of 100 cases (bootstrap of the
    // median of the rounds' ratios) is to be at most limit.
    void bound(const Contest& contest, std::string_view above, std::string_view below,
               std::optional<double> limit = {});
    // How many of wanted came to their end; all must.
    void count(const Contest& contest, std::string_view name, size_t reached, size_t wanted);
    // What is no time: a number of something, which is to be at most limit.
    void number(std::string_view what, std::string_view name, double number, std::string_view unit,
                std::optional<double> limit = {});
    // A row that could not be measured.
    void absent(std::string_view what, std::string_view name, std::string_view why);
    // Prints what came of it: 0, or 1 where something could not be measured. A missed goal is no failure of
    // the bench.
    [[nodiscard]] int finish() const;

  private:
    // The figures of both, where there are.
    struct Pair {
        std::vector<double> above, below, ratios;
    };
    std::optional<Pair> pair_up(const Contest& contest, std::string_view above, std::string_view below,
                                std::string_view base);
    std::string judge(bool held);
    void print_absence(const Contest& contest, const std::string& pair, const std::string& why);
    void print_absence(std::string_view what, std::string_view users, std::string_view pair,
                       std::string_view why);
    int held_ = 0, missed_ = 0, absent_ = 0;
};

}  // namespace xos::bench
