#include "common/uuid.h"

#include <systemd/sd-id128.h>

#include <stdexcept>

namespace xos {

bool is_uuid(std::string_view text) {
    if (text.size() != 36) return false;
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (c != '-') return false;
        } else if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f')) {
            return false;
        }
    }
    return true;
}

std::string make_uuid() {
    sd_id128_t id;
    if (sd_id128_randomize(&id) < 0) throw std::runtime_error("the kernel gives no random bytes");
    char text[SD_ID128_UUID_STRING_MAX];
    return sd_id128_to_uuid_string(id, text);
}

}  // namespace xos
