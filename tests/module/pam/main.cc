#include <catch2/catch_session.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "node.h"

int main(int argc, char** argv) {
    if (const std::string missing = enter_node(); !missing.empty()) {
        const char* must = getenv("XOS_TESTS_MUST_RUN");
        const bool fatal = must != nullptr && std::string(must) == "1";
        fprintf(stderr, "%s: %s\n", fatal ? "FAILED" : "skipped", missing.c_str());
        return fatal ? 1 : 77;
    }
    return Catch::Session().run(argc, argv);
}
