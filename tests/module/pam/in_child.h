// Runs a piece of a test in a process of its own: keyrings, uids and seccomp filters end with it.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

// Inside such a piece: what fails is the answer.
#define EXPECT(condition)                                                                           \
    do {                                                                                            \
        if (!(condition)) return std::string("line ") + std::to_string(__LINE__) + ": " #condition; \
    } while (false)
// The answer of a piece within this one.
#define EXPECT_NOTHING(answer)                                                                        \
    do {                                                                                              \
        const std::string found_ = (answer);                                                          \
        if (!found_.empty()) return std::string("line ") + std::to_string(__LINE__) + " > " + found_; \
    } while (false)

// What body answers in a forked child: "" where all was as expected; a child that died says how.
std::string in_child(const std::function<std::string()>& body);

// The same after the child has become uid for good, without a supplementary group or capability.
std::string as_user(uid_t uid, const std::function<std::string()>& body);
