// What verifying a credential costs: XOS-Cert and VOMS proxy.
//
//   credentials [ROUNDS]     41 by default; changes nothing outside a directory of its own below /tmp
//
// "xos" is the verifier's whole check of an SSH certificate, in this process: its self-signature, the chain,
// revocation, the attribute certificate. "floor" is OpenSSL's X509_verify_cert alone on the same
// certificates, parsed anew each time, with no look at the attributes. "openssl verify" and "voms-verify" are
// processes: their figure is their CPU time (user and system, of wait4), which holds the start of a program.
// All take turns in each round; medians of the rounds.
#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>

#include "tests/unit/verifier/grid_fixture.h"
#include "xosd/verifier/credential_check.h"

using namespace xos;
using namespace xos::test;

namespace {

constexpr int kRepeats = 50;  // of what runs in this process, a round

[[noreturn]] void die(const std::string& why) {
    std::fprintf(stderr, "bench credentials: %s\n", why.c_str());
    exit(1);
}

double cpu_seconds(int who) {
    rusage usage{};
    getrusage(who, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

struct Contestant {
    std::string name;
    std::function<void()> run;
    int repeats;
    int who;
    std::vector<double> micros = {};

    void take_turn() {
        const double before = cpu_seconds(who);
        for (int i = 0; i < repeats; ++i) run();
        micros.push_back((cpu_seconds(who) - before) * 1e6 / repeats);
    }
    double median() const {
        std::vector<double> sorted = micros;
        std::ranges::sort(sorted);
        return sorted[sorted.size() / 2];
    }
};

Contestant ours(std::string name, VerifyRequest request) {
    return {std::move(name),
            [request = std::move(request)] {
                if (const auto credential = check_credential(request); !credential)
                    die(credential.error().message);
            },
            kRepeats, RUSAGE_SELF};
}

Contestant process(std::string name, std::vector<std::string> argv, std::vector<std::string> environment) {
    return {std::move(name),
            [argv = std::move(argv), environment = std::move(environment)] {
                const auto result = run_command(argv, environment);
                if (result.status != 0) die(argv[0] + ": " + result.output + result.errors);
            },
            1, RUSAGE_CHILDREN};
}

struct Anchors {
    std::vector<Bytes> certificates, lists;
    unsigned long flags = 0;
};

void verify_plainly(const std::vector<Bytes>& chain, const Anchors& anchors) {
    const StorePtr store(X509_STORE_new());
    for (const Bytes& der : anchors.certificates)
        X509_STORE_add_cert(store.get(), parse_certificate(der, "")->get());
    for (const Bytes& der : anchors.lists) {
        const unsigned char* at = der.data();
        const GridCa::CrlOwner list(d2i_X509_CRL(nullptr, &at, static_cast<long>(der.size())));
        X509_STORE_add_crl(store.get(), list.get());
    }
    std::vector<X509Ptr> parsed;
    STACK_OF(X509)* others = sk_X509_new_null();
    for (const Bytes& der : chain) {
        const unsigned char* at = der.data();
        parsed.emplace_back(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
        if (parsed.size() > 1) sk_X509_push(others, parsed.back().get());
    }
    const StoreContextPtr context(X509_STORE_CTX_new());
    X509_STORE_CTX_init(context.get(), store.get(), parsed.front().get(), others);
    X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(context.get()), anchors.flags);
    if (X509_verify_cert(context.get()) != 1)
        die(X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get())));
    sk_X509_free(others);
}

Contestant floor_of(std::string name, std::vector<Bytes> chain, Anchors anchors) {
    return {std::move(name),
            [chain = std::move(chain), anchors = std::move(anchors)] { verify_plainly(chain, anchors); },
            kRepeats, RUSAGE_SELF};
}

// The folders in which voms-verify looks: CAs by the hash of their name, servers by their names.
std::string make_voms_folders(const TempDir& dir, const TestGrid& grid) {
    std::filesystem::create_directories(dir.path / "certs");
    std::filesystem::create_directories(dir.path / "vomsdir/physics");
    write_file(dir.path / "ca.pem", grid.ca.self.pem());
    const auto hash = run_command({"openssl", "x509", "-noout", "-hash", "-in", dir.path / "ca.pem"});
    if (hash.status != 0) die("openssl x509 -hash: " + hash.errors);
    const std::string name = hash.output.substr(0, hash.output.find('\n'));
    write_file(dir.path / "certs" / (name + ".0"), grid.ca.self.pem());
    write_file(dir.path / "certs" / (name + ".r0"), join_pem(grid.ca.list(), "X509 CRL"));
    write_file(dir.path / "vomsdir/physics/voms.lsc",
               "/DC=org/DC=example/O=Hosts/CN=voms.example.org\n/DC=org/DC=example/CN=Grid CA\n");
    return name;
}

std::vector<Contestant> xos_cert_contest(const TempDir& dir, const TestVo& vo) {
    const SigningKey key = *SigningKey::generate();
    const std::string chain = vo.issue("user1", key);
    write_file(dir.path / "vo.pem", certificate_pem(vo.certificate));
    write_file(dir.path / "cert.pem", certificate_pem(split_pem_chain(chain)->front()));
    std::vector<Contestant> all;
    all.push_back(ours("xos", make_verify_request(vo, wrap_any(chain, key))));
    all.push_back(floor_of("floor: X509_verify_cert", *split_pem_chain(chain), {{vo.certificate}, {}, 0}));
    all.push_back(process("openssl verify (process)",
                          {"openssl", "verify", "-CAfile", dir.path / "vo.pem", dir.path / "cert.pem"}, {}));
    return all;
}

std::vector<Contestant> voms_contest(const TempDir& dir, const TestGrid& grid) {
    const std::string name = make_voms_folders(dir, grid);
    const std::string proxy = genuine_proxy(grid, {"-rfc"});
    const std::string chain = certificates_of(proxy);
    const PkeyPtr key = key_of(proxy);
    if (!key) die("voms-proxy-fake makes no proxy: is voms-clients installed?");
    write_file(dir.path / "proxy.pem", proxy);
    write_file(dir.path / "leaf.pem", certificate_pem(split_pem_chain(chain)->front()));
    write_file(dir.path / "user.pem", grid.user.pem());
    std::vector<Contestant> all;
    all.push_back(ours("xos", grid.request(chain, key.get())));
    all.push_back(
        floor_of("floor: X509_verify_cert", *split_pem_chain(chain),
                 {{grid.ca.self.der()},
                  grid.trust.crls,
                  X509_V_FLAG_ALLOW_PROXY_CERTS | X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL}));
    all.push_back(process("openssl verify (process)",
                          {"openssl", "verify", "-allow_proxy_certs", "-crl_check_all", "-CRLfile",
                           dir.path / "certs" / (name + ".r0"), "-CAfile", dir.path / "ca.pem", "-untrusted",
                           dir.path / "user.pem", dir.path / "leaf.pem"},
                          {}));
    all.push_back(process("voms-verify (process)", {"voms-verify"},
                          {"X509_USER_CERT=" + (dir.path / "proxy.pem").string(),
                           "X509_CERT_DIR=" + (dir.path / "certs").string(),
                           "X509_VOMS_DIR=" + (dir.path / "vomsdir").string()}));
    return all;
}

void contest(const char* title, std::vector<Contestant> all, int rounds) {
    for (int i = 0; i < rounds; ++i)
        for (Contestant& one : all) one.take_turn();
    std::printf("%s, %d rounds\n", title, rounds);
    for (const Contestant& one : all)
        std::printf("  %-28s %10.0f us CPU  %6.2f\n", one.name.c_str(), one.median(),
                    one.median() / all.front().median());
}

}  // namespace

int main(int argc, char** argv) {
    const int rounds = argc > 1 ? std::atoi(argv[1]) : 41;
    if (rounds < 1) die("usage: credentials [ROUNDS]");
    const TempDir dir;
    const TestVo vo("physics");
    const TestGrid grid("RSA-2048");
    contest("XOS-Cert (Ed25519)", xos_cert_contest(dir, vo), rounds);
    contest("VOMS proxy (RSA-2048)", voms_contest(dir, grid), rounds);
    return 0;
}
