#pragma once

/// \file
/// The bytes of a report. A short one is kept in memory; a long one goes into a file without a name
/// in $TMPDIR (or /var/tmp), from which it is sent piece by piece. So a report of a million rows
/// needs no more memory than one of a thousand. Length and SHA-256 are those of all that was added.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/expected.h"
#include "core/base/refusal.h"
#include "wire/net/http.h"

struct evp_md_ctx_st;

namespace khu::daemon {

class ReportText final : public wire::net::BodySource {
public:
    ReportText();
    ~ReportText() override;
    ReportText(const ReportText&) = delete;
    ReportText& operator=(const ReportText&) = delete;

    void add(std::string_view piece);
    /// Nothing is added after it. Errors: StoreFull L209 if it did not fit on the disk.
    [[nodiscard]] Expected<Done, Refusal> finish();

    [[nodiscard]] std::int64_t bytes() const override { return bytes_; }
    /// From byte `from` on, at most `most`; empty if it cannot be read any more. After finish().
    [[nodiscard]] std::string read(std::int64_t from, std::size_t most) const override;
    /// 64 digits. After finish().
    [[nodiscard]] const std::string& sha256() const { return sha256_; }
    /// All of it. After finish().
    [[nodiscard]] std::string all() const;

private:
    void spill();

    std::string memory_;  ///< all of it, or what is not in the file yet
    int file_{-1};
    int error_{0};
    std::int64_t bytes_{0};
    std::int64_t in_file_{0};
    evp_md_ctx_st* hash_;
    std::string sha256_;
};

}  // namespace khu::daemon
