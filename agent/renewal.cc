#include "agent/renewal.h"

#include <algorithm>
#include <chrono>

#include "wire/api.h"
#include "wire/json.h"
#include "wire/net/client.h"
#include "wire/net/files.h"

namespace khu::agent {
namespace {

namespace net = wire::net;

/// How often the clock is looked at: it may jump.
constexpr Span kLookEvery = hours(1);

Moment wall_now() {
    using std::chrono::duration_cast, std::chrono::milliseconds, std::chrono::system_clock;
    return Moment{duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count()};
}

/// Soon for a certificate that ends soon, an hour for one of a year.
Span retry_of(const net::CertificateFacts& facts) {
    const Span life = facts.not_after - net::renew_at(facts);
    return std::clamp(Span{life.value / 20}, milliseconds(200), hours(1));
}

}  // namespace

Renewal::Renewal(RenewalSettings settings) : settings_(std::move(settings)) {
    thread_ = std::thread([this] { run(); });
}

Renewal::~Renewal() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

Moment Renewal::due() const {
    const auto facts = net::inspect(settings_.identity.certificate.certificate);
    return facts ? net::renew_at(*facts) : Moment{0};
}

void Renewal::run() {
    Moment next = due();
    for (;;) {
        const Span left = std::clamp(next - wall_now(), Span{0}, kLookEvery);
        {
            std::unique_lock lock(mutex_);
            if (wake_.wait_for(lock, std::chrono::milliseconds(left.value + 1),
                               [this] { return stopping_; })) {
                return;
            }
        }
        if (wall_now() >= next) {
            next = renew();
        }
    }
}

Moment Renewal::renew() {
    net::Identity& own = settings_.identity.certificate;
    auto made = ask();
    const auto facts = net::inspect(made ? *made : own.certificate);
    const Moment retry = wall_now() + (facts ? retry_of(*facts) : minutes(1));
    if (made && !facts) {
        made = Unexpected{facts.error()};
    }
    if (made) {
        const auto written = net::write_file(settings_.state_dir + "/node.pem", *made, 0644);
        if (!written) {
            made = Unexpected{written.error()};
        }
    }
    if (!made) {
        settings_.log("the certificate could not be renewed: " +
                      text(made.error(), Language::English));
        return retry;
    }
    own.certificate = *std::move(made);
    settings_.use(own);
    settings_.log("renewed the certificate, which is now valid until " +
                  format_utc(facts->not_after));
    return std::max(net::renew_at(*facts), retry);
}

Expected<std::string, Refusal> Renewal::ask() const {
    const net::Identity& own = settings_.identity.certificate;
    auto asked = net::make_request_again(NodeName{settings_.node}, own.key);
    if (!asked) {
        return asked;
    }
    net::Request request{.method = "POST", .target = "/v1/renew"};
    request.body = wire::to_json_text(wire::RenewRequest{.csr_pem = *std::move(asked)});
    net::Client client({.endpoint = settings_.controller,
                        .authority = settings_.identity.authority,
                        .identity = own});
    const auto response = client.send(request);
    if (!response) {
        return Unexpected{response.error()};
    }
    if (response->status != 200) {
        return Unexpected{refusal_of(*response)};
    }
    auto answer = wire::from_json_text<wire::JoinAnswer>(response->body, wire::Unknown::Ignore);
    if (!answer) {
        return Unexpected{wire::to_refusal(answer.error())};
    }
    return std::move(answer->certificate_pem);
}

}  // namespace khu::agent
