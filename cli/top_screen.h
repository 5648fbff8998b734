// The terminal while xos top runs.
//
// Owns: the terminal's mode, which it gives back. Process: the xos command. Trusts: what it shows was made
// fit for a terminal (plain()).
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "cli/top_table.h"

namespace xos {

class TopScreen {
  public:
    // Fails where the terminal is none that ncurses knows.
    static Outcome<TopScreen> open();
    TopScreen(TopScreen&& other) noexcept = default;
    ~TopScreen();

    size_t rows() const;  // for a table's rows, at the terminal's present size
    // message: of the last line, in place of the keys, where it is not empty.
    void draw(const std::string& summary, const TopTable& table, const TopView& view,
              const std::string& message);
    // The next key within the time; none: the time is over, or the terminal has another size now.
    TopKey wait(std::chrono::milliseconds time);

  private:
    struct Ended {
        void operator()(void* screen) const;  // a SCREEN
    };
    explicit TopScreen(void* screen) : screen_(screen) {}
    std::unique_ptr<void, Ended> screen_;
};

}  // namespace xos
