#include "core/base/digest.h"

namespace khu {

void Digest::add(std::string_view bytes) {
    for (const char c : bytes) {
        value_ = (value_ ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
    add(static_cast<std::uint64_t>(bytes.size()));  // so that {"ab","c"} differs from {"a","bc"}
}

void Digest::add(std::uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8) {
        value_ = (value_ ^ ((number >> shift) & 0xff)) * 0x100000001b3;
    }
}

}  // namespace khu
