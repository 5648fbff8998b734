#include "cda/bundle_publisher.h"

#include "common/credential/fingerprint.h"

namespace xos {

Outcome<BundleResponse> BundlePublisher::answer(const BundleRequest& request, std::chrono::sys_seconds now) {
    auto bundle = authority_.export_bundle(request.vo, now);
    if (!bundle) return std::unexpected(bundle.error());
    BundleResponse response;
    response.etag = "\"" + sha256_fingerprint(as_bytes(*bundle)) + "\"";
    response.not_modified = response.etag == request.if_none_match;
    if (!response.not_modified) response.body = std::move(*bundle);
    return response;
}

}  // namespace xos
