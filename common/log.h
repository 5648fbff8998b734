// The log of a program: one line an event, with fields.
//
// Owns: where lines go (the journal where stderr is connected to it, else stderr as "<level> event
// key=value"). Process: programs only. Trusts: nothing; values are quoted so that a hostile one cannot forge
// a field or a line.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace xos {

enum class Level { error = 3, warning = 4, notice = 5, info = 6, debug = 7 };  // syslog(3) priorities

struct Field {
    std::string_view key;  // lower case: vo, user, uid, job, session, reason, ...
    std::string value;
};

// program names the lines of this process; debug lines are dropped unless asked for. Call once, first in
// main.
void open_log(std::string_view program, bool debug);
// event is a short fixed phrase ("login refused"); everything that varies is a field.
void log(Level level, std::string_view event, std::initializer_list<Field> fields = {});

}  // namespace xos
