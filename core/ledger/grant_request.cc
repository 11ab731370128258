#include "core/ledger/grant_request.h"

namespace khu {

std::string request_name(std::uint64_t number) {
    return "RQ-" + std::to_string(number);
}

}  // namespace khu
