#include "daemon/http/problem.h"

#include "wire/json.h"

namespace khu::daemon {
namespace {

/// Times in the data are written as all of the API's times are.
std::vector<Datum> api_data(std::vector<Datum> data) {
    for (Datum& datum : data) {
        const auto* number = std::get_if<std::int64_t>(&datum.value);
        if (number != nullptr && *number > 0 && datum.key.ends_with("_at")) {
            datum.value = wire::format_timestamp(Moment{*number});
        }
    }
    return data;
}

}  // namespace

wire::net::Response problem(const Refusal& refusal, Language language) {
    const CodeInfo& about = info(refusal.code);
    const wire::Problem body{.type = "refusals/" + std::string(about.id),
                             .title = std::string(about.name),
                             .status = about.http_status,
                             .detail = text(refusal, language),
                             .remedy = remedy(refusal, language),
                             .code = std::string(about.id),
                             .data = api_data(refusal.data)};
    return {.status = about.http_status,
            .content_type = "application/problem+json",
            .body = wire::to_json_text(body)};
}

wire::Explained explained(const Refusal& refusal, Language language) {
    const CodeInfo& about = info(refusal.code);
    return {.code = std::string(about.id),
            .name = std::string(about.name),
            .text = text(refusal, language),
            .remedy = remedy(refusal, language),
            .data = api_data(refusal.data)};
}

Language language_of(const wire::net::Request& request) {
    const std::string_view wanted = request.header("Accept-Language");
    return wanted.starts_with("vi") ? Language::Vietnamese : Language::English;
}

}  // namespace khu::daemon
