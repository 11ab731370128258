#include "daemon/store/piece_sum.h"

#include <xxhash.h>

#include "core/base/digest.h"

namespace khu::daemon {

std::int64_t piece_sum(std::uint64_t up_to, std::uint64_t number, std::string_view piece) {
    Digest sum;
    sum.add(up_to);
    sum.add(number);
    sum.add(static_cast<std::uint64_t>(piece.size()));
    sum.add(XXH3_64bits(piece.data(), piece.size()));
    return static_cast<std::int64_t>(sum.value());
}

}  // namespace khu::daemon
