// What a user of a VO keeps on the own machine: ~/.config/xos/<vo>/<user>.key (private, 0600), <user>.pem
// (the credential), <user>-cert.pub (what ssh presents), and ~/.config/xos/ssh_config over all of them.
//
// Owns: those names, their modes, the private key's making. Process: the xos command at the user's desk.
// Trusts: the user's home directory, once the folders in it prove to be the user's own.
#pragma once

#include <string>
#include <string_view>

#include "common/credential/signing_key.h"
#include "common/failure.h"
#include "libxos/login_name.h"
#include "libxos/unique_fd.h"

namespace xos {

class UserFolder {
  public:
    // The folder ~/.config/xos (no VO) or ~/.config/xos/<vo>, made (0700) where it is absent. denied where it
    // belongs to somebody else or others may write into it.
    static Outcome<UserFolder> open(std::string_view vo = {});
    // The same of a VO, but nothing is made: not_found where it is absent.
    static Outcome<UserFolder> find(std::string_view vo);

    int fd() const { return fd_.get(); }
    const std::string& path() const { return path_; }  // absolute
    std::string path_of(std::string_view name) const { return path_ + "/" + std::string(name); }

    // A file of at most kCredentialMax bytes; not_found where it is absent.
    Outcome<std::string> read(const std::string& name) const;
    Outcome<void> write(const std::string& name, std::string_view bytes, mode_t mode) const;
    // Whether it was there.
    Outcome<bool> remove(const std::string& name) const;

  private:
    static Outcome<UserFolder> open(std::string_view vo, bool make);
    UserFolder(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

    UniqueFd fd_;
    std::string path_;
};

// "user1@physics", or what is wrong with it.
Outcome<LoginName> require_login_name(std::string_view text);

// The user's key of that VO; not_found where there is none yet.
Outcome<SigningKey> load_user_key(const UserFolder& folder, std::string_view user);
// The same, made where it is absent.
Outcome<SigningKey> load_or_make_user_key(const UserFolder& folder, std::string_view user);

}  // namespace xos
