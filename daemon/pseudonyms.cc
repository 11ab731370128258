#include "daemon/pseudonyms.h"

#include <fmt/format.h>

#include "wire/net/secrets.h"

namespace khu::daemon {
namespace {

constexpr std::string_view kUser = "anon:";
constexpr std::string_view kJob = "job:";
constexpr std::size_t kDigits = 16;

std::string prefix_of(const std::string& period, const EnterpriseId& enterprise) {
    return period + "/" + enterprise.value.str() + "/";
}

}  // namespace

bool is_pseudonym(const UserId& user) {
    return user.value.str().starts_with(kUser);
}

std::string months_before(Moment now, int months, int utc_offset_minutes) {
    const std::string period = period_of(now, utc_offset_minutes);
    const int all = std::stoi(period.substr(0, 4)) * 12 + std::stoi(period.substr(5)) - 1 - months;
    return fmt::format("{:04}-{:02}", all / 12, all % 12 + 1);
}

Pseudonyms::Pseudonyms(std::string key) : key_(std::move(key)) {
    KHU_CHECK(!key_.empty());
}

std::string Pseudonyms::word(const std::string& prefix, const std::string& text) const {
    return prefix + wire::net::hex(wire::net::hmac_sha256(key_, prefix + text)).substr(0, kDigits);
}

UserId Pseudonyms::of(const EnterpriseId& enterprise, const UserId& user) const {
    return is_pseudonym(user)
               ? user
               : UserId{word(std::string(kUser), enterprise.value.str() + "/" + user.value.str())};
}

std::string Pseudonyms::of_job(const EnterpriseId& enterprise, const std::string& name) const {
    return word(std::string(kJob), enterprise.value.str() + "/" + name);
}

std::optional<KeyValue> Pseudonyms::hide(UsageRow& row) const {
    if (!row.user_id || is_pseudonym(*row.user_id)) {
        return std::nullopt;
    }
    KeyValue name{.space = kNamesSpace, .key = "", .value = row.user_id->value.str()};
    row.user_id = of(row.enterprise_id, *row.user_id);
    name.key = prefix_of(row.period, row.enterprise_id) + row.user_id->value.str();
    return name;
}

Expected<RowsShown, Refusal> RowsShown::of(Store& store, const std::string& period,
                                           RowReader reader, const Pseudonyms* pseudonyms) {
    RowsShown shown;
    shown.reader_ = std::move(reader);
    shown.pseudonyms_ = pseudonyms;
    shown.names_kept_ = period >= shown.reader_.names_from;
    if (!shown.reader_.holder || !shown.names_kept_) {
        return shown;
    }
    const std::string prefix = prefix_of(period, shown.reader_.enterprise);
    auto read = store.each_value(kNamesSpace, prefix, [&](const KeyValue& each) {
        shown.names_.emplace(each.key.substr(prefix.size()), each.value.value_or(""));
    });
    if (!read) {
        return Unexpected{std::move(read).error()};
    }
    return shown;
}

void RowsShown::show(UsageRow& row) const {
    const bool own = !reader_.enterprise.empty() && row.enterprise_id == reader_.enterprise;
    row.user_id = user_of(row, own);
    if (!own) {
        row.job_name = job_name_of(row);
    }
}

std::optional<UserId> RowsShown::user_of(const UsageRow& row, bool own) const {
    const bool nobody = reader_.privacy && reader_.privacy->per_user_rows == PerUserRows::Nobody;
    if (!row.user_id || nobody) {
        return std::nullopt;
    }
    const UserId hidden =
        pseudonyms_ == nullptr ? *row.user_id : pseudonyms_->of(row.enterprise_id, *row.user_id);
    if (own && reader_.holder) {
        const auto name = names_.find(row.user_id->value.str());
        return !names_kept_ ? hidden : name != names_.end() ? UserId{name->second} : *row.user_id;
    }
    const bool shown = reader_.privacy && reader_.privacy->user_ids == UserIds::Pseudonymous;
    return shown && is_pseudonym(hidden) ? std::optional(hidden) : std::nullopt;
}

std::optional<std::string> RowsShown::job_name_of(const UsageRow& row) const {
    if (!row.job_name || !reader_.privacy || pseudonyms_ == nullptr) {
        return row.job_name;
    }
    return reader_.privacy->job_names == JobNames::Omitted
               ? std::nullopt
               : std::optional(pseudonyms_->of_job(row.enterprise_id, *row.job_name));
}

}  // namespace khu::daemon
