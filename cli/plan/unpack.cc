#include "cli/plan/unpack.h"

#include <lzma.h>
#include <zlib.h>

#include <array>
#include <limits>

#include <fmt/format.h>

namespace khu::cli {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t kPiece = std::size_t{1} << 16;

/// Why a text could not be unpacked.
enum class Unpacking { Whole, CutOff, Damaged, TooLarge };

struct Unpacked {
    Unpacking how{Unpacking::Damaged};
    std::string text;
};

const std::uint8_t* bytes_of(const std::string& packed) {
    return reinterpret_cast<const std::uint8_t*>(packed.data());
}

Unpacked unpack_xz(const std::string& packed, std::size_t bytes_max) {
    lzma_stream stream = LZMA_STREAM_INIT;
    Unpacked out;
    std::array<std::uint8_t, kPiece> piece{};
    constexpr std::uint64_t memory_max = std::uint64_t{512} << 20;
    lzma_ret state = lzma_stream_decoder(&stream, memory_max, LZMA_CONCATENATED);
    stream.next_in = bytes_of(packed);
    stream.avail_in = packed.size();
    while (state == LZMA_OK && out.text.size() <= bytes_max) {
        stream.next_out = piece.data();
        stream.avail_out = piece.size();
        state = lzma_code(&stream, LZMA_FINISH);
        out.text.append(reinterpret_cast<const char*>(piece.data()),
                        piece.size() - stream.avail_out);
    }
    lzma_end(&stream);
    out.how = state == LZMA_STREAM_END  ? Unpacking::Whole
              : state == LZMA_BUF_ERROR ? Unpacking::CutOff
                                        : Unpacking::Damaged;
    return out;
}

/// One gzip member after another, as gzip itself writes when files are joined.
int inflate_all(z_stream& stream, std::string& text, std::size_t bytes_max) {
    std::array<std::uint8_t, kPiece> piece{};
    int state = Z_OK;
    while (state == Z_OK && text.size() <= bytes_max) {
        stream.next_out = piece.data();
        stream.avail_out = static_cast<uInt>(piece.size());
        state = inflate(&stream, Z_NO_FLUSH);
        text.append(reinterpret_cast<const char*>(piece.data()), piece.size() - stream.avail_out);
        if (state == Z_STREAM_END && stream.avail_in > 0) {
            state = inflateReset(&stream);
        }
    }
    return state;
}

Unpacked unpack_gzip(const std::string& packed, std::size_t bytes_max) {
    constexpr int gzip_window_bits = 15 + 16;
    z_stream stream{};
    Unpacked out;
    if (packed.size() > std::numeric_limits<uInt>::max() ||
        inflateInit2(&stream, gzip_window_bits) != Z_OK) {
        return {.how = Unpacking::TooLarge, .text = ""};
    }
    // zlib's own type has no const; it does not write here.
    stream.next_in = const_cast<Bytef*>(bytes_of(packed));
    stream.avail_in = static_cast<uInt>(packed.size());
    const int state = inflate_all(stream, out.text, bytes_max);
    inflateEnd(&stream);
    out.how = state == Z_STREAM_END  ? Unpacking::Whole
              : state == Z_BUF_ERROR ? Unpacking::CutOff
                                     : Unpacking::Damaged;
    return out;
}

Unpacked unpack(std::string packed, std::size_t bytes_max) {
    Unpacked out;
    if (packed.starts_with("\xfd"
                           "7zXZ\0"sv)) {
        out = unpack_xz(packed, bytes_max);
    } else if (packed.starts_with("\x1f\x8b"sv)) {
        out = unpack_gzip(packed, bytes_max);
    } else {
        out = {.how = Unpacking::Whole, .text = std::move(packed)};
    }
    if (out.text.size() > bytes_max) {
        out.how = Unpacking::TooLarge;
    }
    return out;
}

Complaint complaint(const std::string& path, std::string code, std::string en, std::string vi) {
    return {.code = std::move(code),
            .severity = Severity::Error,
            .path = "",
            .text_en = fmt::format("{}: {}", path, en),
            .text_vi = fmt::format("{}: {}", path, vi),
            .file = ""};
}

Complaint too_large(const std::string& path, std::int64_t bytes_max) {
    return complaint(path, "P006", fmt::format("larger than {} bytes when unpacked", bytes_max),
                     fmt::format("lớn hơn {} byte sau khi giải nén", bytes_max));
}

}  // namespace

std::optional<std::string> read_unpacked(const std::string& path, std::int64_t bytes_max,
                                         std::vector<Complaint>& complaints) {
    Expected<std::string, FileFault> packed = read_file(path, bytes_max);
    if (!packed) {
        complaints.push_back(packed.error().bytes >= 0
                                 ? too_large(path, bytes_max)
                                 : complaint(path, "P000", packed.error().why, packed.error().why));
        return std::nullopt;
    }
    Unpacked out = unpack(*std::move(packed), static_cast<std::size_t>(bytes_max));
    switch (out.how) {
        case Unpacking::Whole:
            return std::move(out.text);
        case Unpacking::CutOff:
            complaints.push_back(complaint(
                path, "P000", "the packed file is cut off: its end is missing; copy it again",
                "tệp nén bị cụt: thiếu phần cuối; hãy sao chép lại"));
            return std::nullopt;
        case Unpacking::Damaged:
            complaints.push_back(complaint(
                path, "P000", "the packed file is damaged and cannot be unpacked; copy it again",
                "tệp nén bị hỏng, không giải nén được; hãy sao chép lại"));
            return std::nullopt;
        case Unpacking::TooLarge:
            complaints.push_back(too_large(path, bytes_max));
            return std::nullopt;
    }
    return std::nullopt;
}

}  // namespace khu::cli
