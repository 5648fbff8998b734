#include "cli/top_screen.h"

#include <curses.h>

#include <algorithm>
#include <clocale>
#include <cstdlib>

#include "cli/terminal_width.h"

namespace xos {
namespace {

constexpr int kAroundRows = 3;  // the summary, the heading, the keys
constexpr int kEscape = 27;
constexpr int kEscapeDelay = 25;  // milliseconds in which the rest of a function key's sequence comes

struct Binding {
    int key;
    TopKey means;
};
constexpr Binding kBindings[] = {
    {KEY_UP, TopKey::up},         {'k', TopKey::up},
    {KEY_DOWN, TopKey::down},     {'j', TopKey::down},
    {KEY_PPAGE, TopKey::page_up}, {KEY_NPAGE, TopKey::page_down},
    {KEY_HOME, TopKey::first},    {KEY_END, TopKey::last},
    {'\n', TopKey::open},         {'\r', TopKey::open},
    {KEY_ENTER, TopKey::open},    {KEY_RIGHT, TopKey::open},
    {kEscape, TopKey::back},      {KEY_BACKSPACE, TopKey::back},
    {KEY_LEFT, TopKey::back},     {'q', TopKey::quit},
    {'c', TopKey::by_cpu},        {'m', TopKey::by_memory},
    {'p', TopKey::by_processes},  {'s', TopKey::by_started},
    {'n', TopKey::by_name},       {'r', TopKey::reverse},
};

constexpr const char* kJobKeys =
    "Enter tree  sort: c cpu m memory p processes s started n name  r reverse  q quit";
constexpr const char* kTreeKeys =
    "Esc jobs   sort: c cpu m memory p threads s started n command  r reverse  q quit";

void put(int row, const std::string& text, attr_t attributes, bool whole_row) {
    std::string line = fit_columns(text, static_cast<size_t>(std::max(COLS, 0)));
    attr_set(attributes, 0, nullptr);
    move(row, 0);
    if (whole_row) hline(' ' | attributes, COLS);
    addstr(line.c_str());
    attr_set(A_NORMAL, 0, nullptr);
}

}  // namespace

void TopScreen::Ended::operator()(void* screen) const {
    endwin();
    delscreen(static_cast<SCREEN*>(screen));
}

TopScreen::~TopScreen() = default;

Outcome<TopScreen> TopScreen::open() {
    setlocale(LC_CTYPE, "");
    SCREEN* screen = newterm(nullptr, stdout, stdin);
    if (screen == nullptr) {
        const char* name = std::getenv("TERM");
        return failure(Errc::unavailable,
                       "terminal '{}' is not known on this machine: set TERM, or use xos top --once",
                       name == nullptr ? "" : name);
    }
    set_escdelay(kEscapeDelay);
    cbreak();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    curs_set(0);
    return TopScreen(screen);
}

size_t TopScreen::rows() const {
    return static_cast<size_t>(std::max(LINES - kAroundRows, 1));
}

void TopScreen::draw(const std::string& summary, const TopTable& table, const TopView& view,
                     const std::string& message) {
    erase();
    put(0, summary, A_BOLD, false);
    put(1, table.heading, A_REVERSE, true);
    for (size_t i = 0; i < rows() && view.offset() + i < table.rows.size(); ++i) {
        const size_t row = view.offset() + i;
        const bool chosen = row == view.selected();
        put(static_cast<int>(i) + 2, table.rows[row], chosen ? A_STANDOUT : A_NORMAL, chosen);
    }
    if (LINES > kAroundRows)
        put(LINES - 1,
            !message.empty()    ? message
            : view.shows_tree() ? kTreeKeys
                                : kJobKeys,
            message.empty() ? A_DIM : A_BOLD, false);
    refresh();
}

TopKey TopScreen::wait(std::chrono::milliseconds time) {
    timeout(static_cast<int>(std::max<int64_t>(time.count(), 0)));
    const int key = getch();
    for (const Binding& binding : kBindings)
        if (binding.key == key) return binding.means;
    return TopKey::none;
}

}  // namespace xos
