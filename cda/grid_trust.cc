// Authority: the VOMS service that speaks for a VO, and revocation lists of its CAs.
#include <algorithm>

#include "cda/authority.h"

namespace xos {
namespace {

Outcome<std::vector<Bytes>> read_certificates(const std::vector<std::string>& texts, std::string_view kind,
                                              size_t max) {
    std::vector<Bytes> all;
    for (size_t i = 0; i < texts.size(); ++i) {
        auto some = read_grid_certificates(texts[i], compose("{} file {}", kind, i + 1));
        if (!some) return some;
        for (Bytes& der : *some)
            if (!std::ranges::contains(all, der)) all.push_back(std::move(der));
    }
    if (all.empty() || all.size() > max)
        return failure(Errc::invalid, "expected 1 to {} certificates for {}, and there are {}", max, kind,
                       all.size());
    return all;
}

}  // namespace

Outcome<void> Authority::set_voms(std::string_view vo, const VomsFiles& files) {
    VomsTrust trust;
    trust.vo = files.name;
    auto anchors = read_certificates(files.anchors, "anchor", kVomsAnchorsMax);
    if (!anchors) return std::unexpected(anchors.error());
    auto servers = read_certificates(files.servers, "server", kVomsServersMax);
    if (!servers) return std::unexpected(servers.error());
    trust.anchors = std::move(*anchors);
    trust.servers = std::move(*servers);
    // the rules of its name are those of the reader
    const Json written = write_voms_trust(trust);
    const JsonNode root = written.root();
    if (const auto good = read_voms_trust(root); !good) return std::unexpected(good.error());
    return change_content(vo, [&](const VoRecord&) -> Outcome<std::vector<RegistryChange>> {
        auto kept = records_.read_voms(vo);
        if (!kept) return std::unexpected(kept.error());
        kept->value = trust;
        auto changes = find_lost_crls(vo, trust.anchors);
        if (changes) changes->push_back(VoRegistry::change_voms(vo, *kept));
        return changes;
    });
}

// The end of the lists that are kept and that none of anchors has signed: nobody could replace them.
Outcome<std::vector<RegistryChange>> Authority::find_lost_crls(std::string_view vo,
                                                               const std::vector<Bytes>& anchors) {
    const auto all = records_.list_crls(vo);
    if (!all) return std::unexpected(all.error());
    std::vector<RegistryChange> changes;
    for (const Bytes& der : *all) {
        const auto read = read_grid_crls(as_text(der), "a list that is kept");
        if (!read) return std::unexpected(read.error());
        const GridCrl& crl = read->front();
        if (check_grid_crl(crl, anchors)) continue;
        const auto kept = records_.read_crl(vo, crl.issuer);
        if (!kept) return std::unexpected(kept.error());
        changes.push_back(VoRegistry::erase_crl(vo, crl.issuer, *kept));
    }
    return changes;
}

// The lists that are newer than what is kept of their issuers.
Outcome<std::vector<RegistryChange>> Authority::find_new_crls(std::string_view vo,
                                                              const std::vector<GridCrl>& crls) {
    const auto voms = records_.read_voms(vo);
    if (!voms) return std::unexpected(voms.error());
    if (voms->revision == 0)
        return failure(Errc::not_found,
                       "the VO {} has no VOMS yet, whose CAs' lists these could be: `vo voms` names it", vo);
    const auto all = records_.list_crls(vo);
    if (!all) return std::unexpected(all.error());
    size_t count = all->size();
    std::vector<RegistryChange> changes;
    for (const GridCrl& crl : crls) {
        if (auto good = check_grid_crl(crl, voms->value.anchors); !good) return std::unexpected(good.error());
        auto kept = records_.read_crl(vo, crl.issuer);
        if (!kept) return std::unexpected(kept.error());
        if (kept->value == crl.der) continue;
        if (kept->revision == 0 && ++count > kCrlsMax)
            return failure(Errc::unavailable, "the VO {} has {} revocation lists, which is the most", vo,
                           kCrlsMax);
        if (kept->revision != 0) {
            const auto before = read_grid_crls(as_text(kept->value), "the list that is kept");
            if (before && before->front().this_update > crl.this_update)
                return failure(Errc::denied, "the revocation list of {} is of {}, and one of {} is known",
                               crl.issuer_name, format_time(crl.this_update),
                               format_time(before->front().this_update));
        }
        kept->value = crl.der;
        changes.push_back(VoRegistry::change_crl(vo, crl.issuer, *kept));
    }
    return changes;
}

Outcome<size_t> Authority::add_crls(std::string_view vo, const std::vector<std::string>& texts) {
    std::vector<GridCrl> crls;
    for (size_t i = 0; i < texts.size(); ++i) {
        auto some = read_grid_crls(texts[i], compose("file {}", i + 1));
        if (!some) return std::unexpected(some.error());
        for (GridCrl& crl : *some) {
            if (std::ranges::contains(crls, crl.issuer, &GridCrl::issuer))
                return failure(Errc::invalid, "there are two revocation lists of {}", crl.issuer_name);
            crls.push_back(std::move(crl));
        }
    }
    if (crls.empty() || crls.size() > kCrlsMax)
        return failure(Errc::invalid, "expected 1 to {} revocation lists, and there are {}", kCrlsMax,
                       crls.size());
    size_t count = 0;
    const auto done = change_content(vo, [&](const VoRecord&) {
        auto changes = find_new_crls(vo, crls);
        if (changes) count = changes->size();
        return changes;
    });
    if (!done) return std::unexpected(done.error());
    return count;
}

}  // namespace xos
