// Each file of tests/fixtures/layer changes a few words of the shipped national rules, or of
// another example, and says what must be complained about: case_file.h.
#include "config/layer_reader.h"
#include "tests/config/case_file.h"

namespace khu::config {
namespace {

class LayerCase : public testing::TestWithParam<std::string> {};

TEST_P(LayerCase, IsComplainedAboutExactly) {
    const Case fixture = read_case(GetParam());
    std::string text =
        source_text(fixture.of.empty() ? "examples/layers/national.yaml" : fixture.of);
    const std::multiset<std::string> expected = change(fixture, text);

    const auto rules = read_layer(text, "l.yaml");

    expect_complaints(fixture, expected, rules ? std::vector<Complaint>{} : rules.error(),
                      "l.yaml");
}

INSTANTIATE_TEST_SUITE_P(Files, LayerCase, testing::ValuesIn(case_files("layer")), case_name);

}  // namespace
}  // namespace khu::config
