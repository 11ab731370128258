#include "core/ledger/entry.h"

#include <fmt/format.h>

namespace khu {

std::string chain_line(const Entry& entry) {
    return fmt::format("{}|{}|{}|{}|{}|{}|{}|{}", entry.seq.value, entry.at.value, entry.kind,
                       entry.id, entry.debit, entry.credit, entry.amount, entry.ref);
}

std::string attempt_id(AttemptKey key, int slice, std::string_view kind, std::size_t part) {
    std::string id = fmt::format("{}.{}.{}.{}", key.job.value, key.attempt.value, slice, kind);
    return part == 0 ? id : id + std::to_string(part + 1);
}

std::string clean_ref(std::string ref) {
    for (char& c : ref) {
        if (c == '|' || static_cast<unsigned char>(c) < 0x20) {
            c = '/';
        }
    }
    return ref;
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
