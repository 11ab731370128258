#include "core/ledger/entry.h"

#include <fmt/format.h>

namespace khu {

std::string chain_line(const Entry& entry) {
    return fmt::format("{}|{}|{}|{}|{}|{}|{}|{}", entry.seq.value, entry.at.value, entry.kind,
                       entry.id, entry.debit, entry.credit, entry.amount.value, entry.ref);
}

std::string pool_account(const ProgrammeId& programme) {
    return "pool:" + programme.value;
}

std::string grant_account(const GrantId& grant) {
    return "grant:" + grant.value;
}

std::string used_account(const PartitionId& partition) {
    return "used:" + partition.value;
}

}  // namespace khu
