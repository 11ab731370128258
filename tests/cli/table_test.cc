#include "cli/table.h"

#include <gtest/gtest.h>

namespace khu::cli {
namespace {

Table jobs() {
    return {.columns = {{"JOB", "job", Align::Right},
                        {"NAME", "name", Align::Left, true},
                        {"NOTE", "note", Align::Left, false, true}},
            .rows = {{std::int64_t{7}, "train", "a"}, {std::int64_t{1234}, "huấn luyện", "b"}}};
}

TEST(Table, ColumnsAlignByWhatTheTerminalShowsNotByBytes) {
    EXPECT_EQ(format_table(jobs(), {}),
              " JOB  NAME\n"
              "   7  train\n"
              "1234  huấn luyện\n");
}

TEST(Table, WideColumnsComeOnlyWhenAskedFor) {
    EXPECT_EQ(format_table(jobs(), {.wide = true}),
              " JOB  NAME        NOTE\n"
              "   7  train       a\n"
              "1234  huấn luyện  b\n");
}

TEST(Table, ATooNarrowTerminalCutsOnlyTheColumnsThatMayShrink) {
    EXPECT_EQ(format_table(jobs(), {.width = 12}),
              " JOB  NAME\n"
              "   7  train\n"
              "1234  huấn …\n");
}

TEST(Table, PipedNothingIsCutHoweverLong) {
    Table table = jobs();
    table.rows[0][1] = std::string(500, 'x');

    EXPECT_NE(format_table(table, {.width = 0}).find(std::string(500, 'x')), std::string::npos);
}

TEST(Table, ALineBreakOrEscapeInACellCannotForgeARow) {
    Table table = jobs();
    table.rows[0][1] = "a\nb\033[31m";

    EXPECT_EQ(format_table(table, {}),
              " JOB  NAME\n"
              "   7  a b [31m\n"
              "1234  huấn luyện\n");
}

TEST(Table, CsvHasAllColumnsStableNamesRawValuesAndQuotes) {
    Table table = jobs();
    table.rows[0][1] = "a,\"b\"\nc";
    table.rows[0][2] = Cell("64.0", "230400000000");

    EXPECT_EQ(format_csv(table),
              "job,name,note\n"
              "7,\"a,\"\"b\"\"\nc\",230400000000\n"
              "1234,huấn luyện,b\n");
}

TEST(Table, ASheetLeavesOutWhatIsEmpty) {
    const Table table{.columns = {{"Job", "job"}, {"Detail", "detail"}, {"Phase", "phase"}},
                      .rows = {{std::int64_t{7}, "", "done"}}};

    EXPECT_EQ(format_sheet(table),
              "Job     7\n"
              "Phase   done\n");
}

TEST(Table, WidthCountsCombiningMarksAndWideCharacters) {
    EXPECT_EQ(display_width("e\u0301"), 1);
    EXPECT_EQ(display_width("漢字"), 4);
    EXPECT_EQ(cut("漢字漢字", 5), "漢字…");
}

}  // namespace
}  // namespace khu::cli
