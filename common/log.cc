#include "common/log.h"

#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <vector>

namespace xos {
namespace {

std::string g_program = "xos";
bool g_debug = false;
bool g_journal = false;

// JOURNAL_STREAM names the device and inode of the stream that systemd connected (systemd.exec(5)).
bool stderr_is_journal() {
    const char* stream = secure_getenv("JOURNAL_STREAM");
    struct stat st{};
    if (stream == nullptr || fstat(STDERR_FILENO, &st) != 0) return false;
    char* end = nullptr;
    const unsigned long long device = std::strtoull(stream, &end, 10);
    if (*end != ':') return false;
    const unsigned long long inode = std::strtoull(end + 1, &end, 10);
    return *end == '\0' && device == st.st_dev && inode == st.st_ino;
}

std::string quoted(std::string_view value) {
    std::string out;
    bool plain = !value.empty();
    for (const char c : value) {
        if (c <= ' ' || c == '"' || c == '\\' || c == '=' || c == 0x7f) plain = false;
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) {
            char hex[5];
            std::snprintf(hex, sizeof hex, "\\x%02x", static_cast<unsigned char>(c));
            out += hex;
        } else {
            out += c;
        }
    }
    return plain ? out : '"' + out + '"';
}

void log_to_journal(Level level, const std::string& message, std::initializer_list<Field> fields) {
    std::vector<std::string> items{"MESSAGE=" + message,
                                   "PRIORITY=" + std::to_string(static_cast<int>(level)),
                                   "SYSLOG_IDENTIFIER=" + g_program};
    for (const Field& field : fields) {
        std::string item = "XOS_";
        for (const char c : field.key)
            item += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : (c == '-' ? '_' : c);
        items.push_back(item + "=" + field.value);
    }
    std::vector<iovec> parts;
    for (std::string& item : items) parts.push_back({item.data(), item.size()});
    sd_journal_sendv(parts.data(), static_cast<int>(parts.size()));
}

}  // namespace

void open_log(std::string_view program, bool debug) {
    g_program = program;
    g_debug = debug;
    g_journal = stderr_is_journal();
}

void log(Level level, std::string_view event, std::initializer_list<Field> fields) {
    if (level == Level::debug && !g_debug) return;
    std::string line(event);
    for (const Field& field : fields) {
        line += ' ';
        line += field.key;
        line += '=';
        line += quoted(field.value);
    }
    if (g_journal) return log_to_journal(level, line, fields);
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    tm utc{};
    gmtime_r(&now.tv_sec, &utc);
    char stamp[32];
    std::strftime(stamp, sizeof stamp, "%FT%TZ", &utc);
    static constexpr const char* kNames[] = {"", "", "", "error", "warning", "notice", "info", "debug"};
    line = std::string(stamp) + " " + g_program + " " + kNames[static_cast<int>(level)] + ": " + line + "\n";
    // one write, so that lines of several processes never mix; a full disk loses the line, never the program
    if (write(STDERR_FILENO, line.data(), line.size()) < 0) return;
}

}  // namespace xos
