#include "daemon/store/wal.h"

#include <array>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string_view>
#include <utility>

#include "daemon/store/schema.h"

namespace khu::daemon {
namespace {

constexpr std::size_t header_bytes = 32;
constexpr std::size_t frame_header_bytes = 24;

std::uint32_t big_endian(std::string_view bytes, std::size_t at) {
    std::uint32_t out = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        out = out << 8 | static_cast<unsigned char>(bytes[at + i]);
    }
    return out;
}

std::uint32_t word(std::string_view bytes, std::size_t at, bool big) {
    const std::uint32_t value = big_endian(bytes, at);
    return big ? value : __builtin_bswap32(value);
}

/// The running checksum of the format, a variant of Fletcher's.
struct Sum {
    std::uint32_t s0{0};
    std::uint32_t s1{0};

    void add(std::string_view bytes, bool big) {
        for (std::size_t i = 0; i + 8 <= bytes.size(); i += 8) {
            s0 += word(bytes, i, big) + s1;
            s1 += word(bytes, i + 4, big) + s0;
        }
    }
};

struct Header {
    bool good{false};
    bool big{false};  ///< byte order of the checksums
    std::size_t page_bytes{0};
    Sum sum;
};

Header read_header(std::string_view file) {
    Header header;
    if (file.size() < header_bytes) {
        return header;
    }
    const std::uint32_t magic = big_endian(file, 0);
    header.big = magic == 0x377f0683;
    header.page_bytes = big_endian(file, 8);
    header.sum.add(file.substr(0, 24), header.big);
    header.good = (magic == 0x377f0682 || header.big) && header.page_bytes >= 512 &&
                  header.page_bytes <= 65536 && header.sum.s0 == big_endian(file, 24) &&
                  header.sum.s1 == big_endian(file, 28);
    return header;
}

bool is_commit(std::string_view frame, std::string_view salts) {
    return frame.substr(8, 8) == salts && big_endian(frame, 4) != 0;
}

/// With a bad header SQLite takes nothing of the log: every commit in it stands behind the damage.
WalScan scan_without_header(std::string_view file) {
    WalScan out;
    constexpr std::size_t frame_bytes = frame_header_bytes + kPageBytes;
    for (std::size_t at = header_bytes; at + frame_bytes <= file.size(); at += frame_bytes) {
        if (is_commit(file.substr(at, frame_bytes), file.substr(header_bytes + 8, 8))) {
            ++out.commits_behind;
        }
    }
    return out;
}

WalScan scan(std::string_view file) {
    WalScan out;
    const Header header = read_header(file);
    if (!header.good) {
        return scan_without_header(file);
    }
    const std::string_view salts = file.substr(16, 8);
    const std::size_t frame_bytes = frame_header_bytes + header.page_bytes;
    Sum sum = header.sum;
    bool good = true;
    for (std::size_t at = header_bytes; at + frame_bytes <= file.size(); at += frame_bytes) {
        const std::string_view frame = file.substr(at, frame_bytes);
        if (good) {
            sum.add(frame.substr(0, 8), header.big);
            sum.add(frame.substr(frame_header_bytes), header.big);
            good = frame.substr(8, 8) == salts && sum.s0 == big_endian(frame, 16) &&
                   sum.s1 == big_endian(frame, 20);
        }
        if (good) {
            ++out.good_frames;
        } else if (is_commit(frame, salts)) {
            ++out.commits_behind;
        }
    }
    return out;
}

}  // namespace

Expected<WalScan, Refusal> scan_wal(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) {
        return WalScan{};  // No log: it was folded into the database when the store was closed.
    }
    std::ostringstream text;
    text << in.rdbuf();
    if (in.bad()) {
        return Unexpected{Refusal(Code::StoreFull).with("why", "cannot read " + path)};
    }
    return scan(std::move(text).str());
}

}  // namespace khu::daemon
