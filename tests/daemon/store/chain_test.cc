#include "daemon/store/chain.h"

#include <gtest/gtest.h>

#include <array>

namespace khu::daemon {
namespace {

Entry line(std::uint64_t seq, std::int64_t at, const char* kind, const char* id, const char* debit,
           const char* credit, std::int64_t amount, const char* ref) {
    return Entry{.seq = LedgerSeq{seq},
                 .at = Moment{at},
                 .kind = kind,
                 .id = id,
                 .debit = debit,
                 .credit = credit,
                 .amount = amount,
                 .ref = ref};
}

TEST(Chain, GivesTheHashesOfTheDesign) {
    const std::array entries{
        line(1, 1772413200000, "grant", "g1", "pool:kn-80", "grant:DN-2026-0007", 18000000000000,
             "12/2026/QD-UBND"),
        line(2, 1772413200500, "hold", "1001.1.h", "grant:DN-2026-0007", "clear", 1140480000000,
             ""),
        line(3, 1772434800500, "settle", "1001.1.s", "grant:DN-2026-0007", "clear", 570240000000,
             "1001.1.h"),
        line(4, 1772434800500, "post", "1001.1.u", "clear", "used:gpu-h100", 380160000000,
             "completed"),
        line(5, 1772434800500, "post", "1001.1.p", "clear", "premium", 190080000000, "gap")};
    const std::array<std::string, 5> expected{
        "7295177e9fae6252ad3d9cb69e6fab1ea052ec598ca113ceded11555b9b1b9d2",
        "af060c116b313841d563743b9976d829a152490723371e1b62206afc82925fe0",
        "a0adf79eded2ab702dbdde064795a7cb5d21130514f02a0693cd9be25f322e6b",
        "bab1e785f7b4c0ad9def5115abcdfaaa094dd9cc72b796e6b6522cad6ca9f876",
        "525c0add58d74a1319ed97afbc05045fb01d52911fffcbde1dd9783cd3e74808"};

    Chain chain;
    ChainHash hash{};
    for (std::size_t i = 0; i < entries.size(); ++i) {
        hash = chain.next(hash, entries[i]);
        EXPECT_EQ(hex(hash), expected[i]) << chain_line(entries[i]);
    }
}

}  // namespace
}  // namespace khu::daemon
