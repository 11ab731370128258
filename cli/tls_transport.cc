#include "cli/transport.h"

namespace khu::cli {
namespace {

/// Says no until wire/net's TLS has landed.
class NoTls final : public Transport {
protected:
    Expected<std::unique_ptr<ByteStream>, NetFault> connect() override {
        return Unexpected{NetFault{.stage = NetFault::Stage::Connect,
                                   .why = "this program speaks to Unix sockets only"}};
    }
    [[nodiscard]] std::string host() const override { return {}; }
};

}  // namespace

std::unique_ptr<Transport> tls_transport(std::string, std::string, std::string) {
    return std::make_unique<NoTls>();
}

}  // namespace khu::cli
