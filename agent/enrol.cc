#include "agent/enrol.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "wire/api.h"
#include "wire/json.h"
#include "wire/net/client.h"
#include "wire/net/files.h"
#include "wire/net/secrets.h"

namespace khu::agent {
namespace {

namespace net = wire::net;

bool exists(const std::string& path) {
    std::error_code none;
    return std::filesystem::exists(path, none);
}

Expected<std::string, Refusal> read_line(const std::string& path) {
    auto text = net::read_file(path);
    if (text) {
        text->erase(std::remove(text->begin(), text->end(), '\n'), text->end());
    }
    return text;
}

Expected<std::string, Refusal> instance_of(const std::string& state_dir) {
    const std::string path = state_dir + "/instance";
    if (exists(path)) {
        return read_line(path);
    }
    std::string instance = net::random_token().substr(0, 16);
    if (auto written = net::write_private(path, instance + "\n"); !written) {
        return Unexpected{std::move(written).error()};
    }
    return instance;
}

Expected<net::Identity, Refusal> join(const EnrolWish& wish, const std::string& authority) {
    if (wish.join_token_file.empty()) {
        return Unexpected{Refusal(Code::NotAuthenticated)};
    }
    auto token = read_line(wish.join_token_file);
    auto identity = net::make_request(NodeName{wish.node});
    if (!token || !identity) {
        return Unexpected{token ? identity.error() : token.error()};
    }
    net::Request request{.method = "POST", .target = "/v1/join"};
    request.body = wire::to_json_text(
        wire::JoinRequest{.token = *token, .node = wish.node, .csr_pem = identity->certificate});
    net::Client client({.endpoint = wish.controller, .authority = authority});
    const auto response = client.send_again(request, {.total = seconds(60)});
    if (!response) {
        return Unexpected{response.error()};
    }
    if (response->status != 200) {
        return Unexpected{refusal_of(*response)};
    }
    auto answer = wire::from_json_text<wire::JoinAnswer>(response->body, wire::Unknown::Ignore);
    if (!answer) {
        return Unexpected{Refusal(Code::BadJson).with("why", answer.error().why).with("offset", 0)};
    }
    identity->certificate = std::move(answer->certificate_pem);
    return identity;
}

/// Whether the certificate in the state directory is used: not if it has ended and there is a token
/// to join again.
bool may_stay(const EnrolWish& wish, const std::string& certificate) {
    const auto facts = net::inspect(certificate);
    const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::system_clock::now().time_since_epoch());
    return wish.join_token_file.empty() || (facts && facts->not_after > Moment{now.count()});
}

}  // namespace

Refusal refusal_of(const net::Response& response) {
    const auto problem = wire::from_json_text<wire::Problem>(response.body, wire::Unknown::Ignore);
    const CodeInfo* code = problem ? find_code(problem->code) : nullptr;
    if (code == nullptr) {
        return Refusal(Code::NotAuthenticated);
    }
    Refusal refusal(code->code);
    refusal.data = problem->data;
    return refusal;
}

Expected<NodeIdentity, Refusal> enrol(const EnrolWish& wish) {
    std::error_code failed;
    std::filesystem::create_directories(wish.state_dir, failed);
    NodeIdentity node;
    const std::string kept_authority = wish.state_dir + "/ca.pem";
    auto authority =
        net::read_file(wish.authority_file.empty() ? kept_authority : wish.authority_file);
    auto instance = instance_of(wish.state_dir);
    if (!authority || !instance) {
        return Unexpected{authority ? instance.error() : authority.error()};
    }
    node.authority = std::move(*authority);
    node.instance = std::move(*instance);
    const std::string base = wish.state_dir + "/node";
    if (exists(base + ".key") && exists(base + ".pem")) {
        auto certificate = net::read_file(base + ".pem");
        auto key = net::read_file(base + ".key");
        if (!certificate || !key) {
            return Unexpected{certificate ? key.error() : certificate.error()};
        }
        if (may_stay(wish, *certificate)) {
            node.certificate = {.certificate = std::move(*certificate), .key = std::move(*key)};
            return node;
        }
    }
    auto joined = join(wish, node.authority);
    if (!joined) {
        return Unexpected{std::move(joined).error()};
    }
    node.certificate = std::move(*joined);
    for (const auto& [path, text, mode] :
         {std::tuple{base + ".key", &node.certificate.key, 0600U},
          std::tuple{base + ".pem", &node.certificate.certificate, 0644U},
          std::tuple{kept_authority, &node.authority, 0644U}}) {
        if (auto written = net::write_file(path, *text, mode); !written) {
            return Unexpected{std::move(written).error()};
        }
    }
    return node;
}

}  // namespace khu::agent
