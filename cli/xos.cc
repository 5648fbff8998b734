// xos: the one command of users, VO managers and owners of nodes.
//
// Process: the caller's own, with the caller's rights. Trusts: its caller.
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string_view>

#include "cli/commands.h"

int main(int argc, char** argv) {
    try {
        xos::CommandTable table;
        for (const auto add : xos::kCommands) add(table);
        // "xos help" is what people type first
        static char help[] = "--help";
        if (argc == 2 && std::string_view(argv[1]) == "help") argv[1] = help;
        return table.run(argc, argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "xos: internal error: %s\n", error.what());
        return xos::kExitFailure;
    }
}
