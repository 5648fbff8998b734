// A node of its own for the test program: private mounts, an accounts file, stacks of PAM modules, libpam
// itself.
//
// VO physics is accepted: user1 (kUser1) and user2 (kUser2) have accounts; shadowed has one too, but the
// local passwd gives that name another uid; user9 has none.
#pragma once

#include <security/pam_appl.h>

#include <string>

inline constexpr uid_t kBlock = 0x7fc00000;
inline constexpr uid_t kUser1 = kBlock + 1;
inline constexpr uid_t kUser2 = kBlock + 2;

// Makes the node for the calling process and its children; nothing of it is visible to others or outlives
// them. Answers why it cannot be made, "" where it was.
std::string enter_node();

void write_accounts_file();
void remove_accounts_file();

// One use of libpam, with a stack of /STACKS: "plain" (pam_xos alone), "keyinit-first", "keyinit-last",
// "debug".
class PamHandle {
  public:
    explicit PamHandle(const char* user, const char* stack = "plain");
    ~PamHandle();
    PamHandle(const PamHandle&) = delete;
    PamHandle& operator=(const PamHandle&) = delete;

    pam_handle_t* get() const { return pamh_; }
    int authenticate() { return status_ = pam_authenticate(pamh_, PAM_SILENT); }
    int account() { return status_ = pam_acct_mgmt(pamh_, PAM_SILENT); }
    int open() { return status_ = pam_open_session(pamh_, PAM_SILENT); }
    int close() { return status_ = pam_close_session(pamh_, PAM_SILENT); }
    void put(const char* variable) { pam_putenv(pamh_, variable); }
    std::string variable(const char* name) const;

  private:
    pam_handle_t* pamh_ = nullptr;
    int status_ = PAM_SUCCESS;
};
