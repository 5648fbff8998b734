// Where the authority keeps private keys: DIRECTORY/keys/<VO id>/{vo,ca,registrar,host}.pem, one file a key,
// mode 0600, encrypted with the authority's secret.
//
// Owns: the directory's descriptor and the files' names. Process: xos-cda.
// Trusts: the directory, once it is known to be this user's alone.
#pragma once

#include <string>

#include "common/credential/signing_key.h"
#include "common/failure.h"
#include "libxos/unique_fd.h"

namespace xos {

enum class KeyRole { vo, ca, registrar, host };  // host: signs the SSH host certificates of nodes

struct VoKeys {
    SigningKey vo, ca, registrar, host;
};

class KeyDirectory {
  public:
    // state must exist, belong to the caller and be closed to everybody else; keys/ is made in it.
    // secret encrypts the keys (cda/sealed_key.h) where it is not empty.
    static Outcome<KeyDirectory> open(const std::string& state, std::string secret = {});

    // Fresh keys, on disk when it answers; the VO key only with keep_vo_key. The VO's id is new, so nothing
    // can be overwritten.
    Outcome<VoKeys> create(const std::string& vo_id, bool keep_vo_key = true) const;
    // Errc::not_found where that key is not kept here.
    Outcome<SigningKey> load(const std::string& vo_id, KeyRole role) const;
    // Whether that key is kept here, be it readable or not.
    Outcome<bool> has(const std::string& vo_id, KeyRole role) const;
    Outcome<SigningKey> load_or_make(const std::string& vo_id, KeyRole role) const;
    // Forgets one key; gone from the disk when it answers.
    Outcome<void> remove(const std::string& vo_id, KeyRole role) const;
    // Forgets keys that no VO came to use. What cannot be removed stays; it harms nobody.
    void discard(const std::string& vo_id) const;

    const std::string& state() const { return state_; }
    const std::string& secret() const { return secret_; }

  private:
    KeyDirectory(UniqueFd directory, std::string state, std::string secret)
        : directory_(std::move(directory)), state_(std::move(state)), secret_(std::move(secret)) {}
    Outcome<void> store(const std::string& vo_id, const VoKeys& keys, bool keep_vo_key) const;
    Outcome<UniqueFd> open_folder(const std::string& vo_id) const;
    Outcome<void> store_key(int folder, const char* name, const SigningKey& key, bool replace = false) const;
    // A key that lies there unencrypted although there is a secret is encrypted at this use.
    Outcome<SigningKey> load_key(int folder, const char* name) const;

    UniqueFd directory_;
    std::string state_, secret_;
};

}  // namespace xos
