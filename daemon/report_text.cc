#include "daemon/report_text.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "core/base/check.h"
#include "wire/net/secrets.h"

namespace khu::daemon {
namespace {

constexpr std::size_t kMemoryBytes = 1U << 20;

std::string folder() {
    const char* given = std::getenv("TMPDIR");
    return given == nullptr || *given == '\0' ? "/var/tmp" : given;
}

}  // namespace

ReportText::ReportText() : hash_(EVP_MD_CTX_new()) {
    KHU_CHECK(hash_ != nullptr && EVP_DigestInit_ex(hash_, EVP_sha256(), nullptr) == 1);
}

ReportText::~ReportText() {
    EVP_MD_CTX_free(hash_);
    if (file_ >= 0) {
        ::close(file_);
    }
}

void ReportText::add(std::string_view piece) {
    KHU_CHECK(sha256_.empty());
    memory_ += piece;
    bytes_ += static_cast<std::int64_t>(piece.size());
    if (memory_.size() >= kMemoryBytes) {
        spill();
    }
}

/// What is in memory is hashed and goes to the end of the file.
void ReportText::spill() {
    KHU_CHECK(EVP_DigestUpdate(hash_, memory_.data(), memory_.size()) == 1);
    if (file_ < 0 && error_ == 0) {
        file_ = ::open(folder().c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        error_ = file_ < 0 ? errno : 0;
    }
    std::size_t done = 0;
    while (error_ == 0 && done < memory_.size()) {
        const ssize_t wrote =
            ::pwrite(file_, memory_.data() + done, memory_.size() - done, in_file_);
        if (wrote < 0 && errno != EINTR) {
            error_ = errno;
        } else if (wrote > 0) {
            done += static_cast<std::size_t>(wrote);
            in_file_ += wrote;
        }
    }
    memory_.clear();
}

Expected<Done, Refusal> ReportText::finish() {
    if (file_ >= 0 || error_ != 0) {
        spill();
    } else {
        KHU_CHECK(EVP_DigestUpdate(hash_, memory_.data(), memory_.size()) == 1);
    }
    wire::net::Sha256 hash{};
    KHU_CHECK(EVP_DigestFinal_ex(hash_, hash.data(), nullptr) == 1);
    sha256_ = wire::net::hex(hash);
    if (error_ != 0) {
        return Unexpected{
            Refusal(Code::StoreFull).with("why", folder() + ": " + std::strerror(error_))};
    }
    return Done{};
}

std::string ReportText::read(std::int64_t from, std::size_t most) const {
    if (file_ < 0) {
        return memory_.substr(static_cast<std::size_t>(from), most);
    }
    std::string piece(most, '\0');
    ssize_t got = -1;
    do {
        got = ::pread(file_, piece.data(), piece.size(), from);
    } while (got < 0 && errno == EINTR);
    piece.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return piece;
}

std::string ReportText::all() const {
    std::string text;
    while (static_cast<std::int64_t>(text.size()) < bytes_) {
        const std::string piece = read(static_cast<std::int64_t>(text.size()), kMemoryBytes);
        KHU_CHECK(!piece.empty(), "a report cannot be read back");
        text += piece;
    }
    return text;
}

}  // namespace khu::daemon
