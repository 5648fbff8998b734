// What a stranger may put into a VOMS proxy and around it. The first byte says where the rest goes: edits
// (offset, offset, xor) of what is genuine, or bytes instead of it. A proxy around it is signed by its user
// each time, so that all behind that signature is reached; what VOMS or the CA did not sign must never be
// believed.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "tests/unit/verifier/grid_fixture.h"
#include "xosd/verifier/proxy_check.h"

using namespace xos;
using namespace xos::test;

namespace {

struct Genuine {
    TestGrid grid;
    Bytes attributes = make_attributes(grid.user, grid.server);
    Entity proxy = grid.proxy();
    VerifyRequest request = grid.request(proxy);

    bool accepts(const std::string& chain) const { return check_proxy(chain, request).has_value(); }
    bool accepts_extension(X509_EXTENSION* extension) const {
        return accepts(make_proxy(grid.user, {.extra = extension}).pem() + grid.user.pem());
    }
};

Bytes edited(Bytes bytes, std::span<const uint8_t> edits) {
    for (size_t at = 0; at + 3 <= edits.size(); at += 3) {
        const size_t place = (size_t{edits[at]} << 8 | edits[at + 1]) % bytes.size();
        bytes[place] = static_cast<uint8_t>(bytes[place] ^ edits[at + 2]);
    }
    return bytes;
}

// Accepted although changed, or refused although not.
void check(bool accepted, bool same) {
    if (accepted != same) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const Genuine genuine;
    if (size == 0) return 0;
    const std::span<const uint8_t> rest(data + 1, size - 1);
    if (data[0] == 'A') {
        const Bytes changed = edited(genuine.attributes, rest);
        check(genuine.accepts_extension(voms_extension({changed}).get()), changed == genuine.attributes);
    } else if (data[0] == 'P' || data[0] == 'U') {
        const Bytes proxy = genuine.proxy.der(), user = genuine.grid.user.der();
        const Bytes changed = edited(data[0] == 'P' ? proxy : user, rest);
        const std::string chain = data[0] == 'P' ? certificate_pem(changed) + certificate_pem(user)
                                                 : certificate_pem(proxy) + certificate_pem(changed);
        check(genuine.accepts(chain), changed == (data[0] == 'P' ? proxy : user));
    } else if (data[0] == 'R') {
        check(genuine.accepts_extension(raw_extension(kVomsExtension, Bytes(rest.begin(), rest.end())).get()),
              false);
    } else {
        check(genuine.accepts(std::string(as_text(rest))), false);
    }
    return 0;
}
