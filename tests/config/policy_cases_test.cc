// Each file of tests/fixtures/policy changes a few words of the shipped example and says what must
// be complained about: case_file.h.
#include "config/layer_reader.h"
#include "config/policy_reader.h"
#include "tests/config/case_file.h"

namespace khu::config {
namespace {

/// The example's own warning: its provincial funder ends before a grant that it pays for.
bool is_of_the_example(const Complaint& complaint) {
    return complaint.code == "P043" &&
           complaint.path == "enterprises.0401000001.grants.DN-2026-0107.to";
}

/// The rules that the cases put the policy under.
ReviewContext context_of(std::initializer_list<const Case*> cases) {
    ReviewContext context;
    for (const Case* fixture : cases) {
        for (const std::string& path : fixture->under) {
            auto rules = read_layer(source_text(path), path);
            EXPECT_TRUE(rules.has_value()) << path;
            context.above.push_back(rules ? *std::move(rules) : LayerRules{});
        }
    }
    return context;
}

/// Where complaint number `index` of such a case says that its limit stands: in the policy, or in
/// the first rules above it.
std::optional<RuleSource> source_in(const std::string& policy, const Case& fixture,
                                    const ReviewContext& context, std::size_t index) {
    if (index >= fixture.limits.size()) {
        return std::nullopt;
    }
    const bool own = fixture.under.empty();
    const std::string text = own ? policy : source_text(fixture.under.front());
    const auto at = static_cast<long>(text.find(fixture.limits[index]));
    return RuleSource{
        .layer = own ? Layer::Zone : context.above.front().layer,
        .policy = own ? "dn-cvpm2-2026.2" : context.above.front().id.value.str(),
        .line = static_cast<int>(std::count(text.begin(), text.begin() + at, '\n')) + 1};
}

class PolicyCase : public testing::TestWithParam<std::string> {};

TEST_P(PolicyCase, IsComplainedAboutExactly) {
    const Case fixture = read_case(GetParam());
    std::string text = example_text();
    const std::multiset<std::string> expected = change(fixture, text);
    const ReviewContext context = context_of({&fixture});

    PolicyCheck check = check_policy(text, "p.yaml", context);

    EXPECT_EQ(check.policy.has_value(), !refuses(check.complaints));
    std::erase_if(check.complaints, is_of_the_example);
    expect_complaints(fixture, expected, check.complaints, "p.yaml");
    for (std::size_t i = 0; i < check.complaints.size(); ++i) {
        EXPECT_EQ(check.complaints[i].limit, source_in(text, fixture, context, i)) << i;
    }
}

INSTANTIATE_TEST_SUITE_P(Files, PolicyCase, testing::ValuesIn(case_files("policy")), case_name);

// Two faults in one text: both are complained about. Only a fault of the whole text hides others,
// and what cannot be read hides what would have been made from it.
bool is_of_the_whole_text(const Case& fixture) {
    return std::any_of(fixture.expects.begin(), fixture.expects.end(), [](const auto& expect) {
        return expect.substr(expect.find(' ') + 1) == "." || expect.rfind("P001", 0) == 0;
    });
}

/// Pairs (hidden, by) in which the second fault takes away what the first is about.
bool is_excused(const std::string& hidden, const std::string& by) {
    static const std::vector<std::pair<std::string, std::vector<std::string>>> by_code{
        // A value that cannot be read is not summed, compared or counted.
        {"P041", {"P013_"}},
        {"P050",
         {"P031_b", "P015_empty", "P012_zero_amount", "P012_neg", "P011_amount", "P010_unit"}},
        {"P054_charged", {"P013_factor", "P007_unknown_key"}},
        {"P051_nominal", {"P031_b"}},
        {"P031_shared", {"P031_b"}},
        {"P033_no_price", {"P015_no_offset"}},
        {"P061_second", {"P015_empty"}},
        {"P030_unknown_zone", {"P005_"}},
        // The section itself has another name, or any name in it may be the one meant.
        {"P053_idle_charged", {"P007_unknown_section"}},
        {"P054_charged", {"P007_unknown_section"}},
        {"P030_", {"P007_unknown_section", "P008_bad_identifier"}},
        // The second changes what the first is about: its key, its nodes, its row.
        {"P043_", {"P062_", "P009_digit"}},
        {"P061_class", {"P062_", "P009_digit"}},
        {"P062_", {"P009_digit"}},
        {"P051_", {"P052_", "P030_unknown_in_later"}},
        {"P031_shared", {"P052_"}},
        {"P055_over", {"P055_outside"}},
        {"P033_two", {"P033_no_price"}},
        {"P016_scale", {"P016_currency"}},
        {"P030_slices", {"P032_slice_"}},
        {"P032_slice_", {"P030_slices"}},
        {"P008_voucher", {"P009_digit"}},
        {"P065_", {"P009_digit"}},
        {"P071_free", {"P053_idle_charged"}},
        // A reservation whose enterprise or times are not known may be another one.
        {"P030_unknown_enterprise", {"P009_"}},
        // Which rules bind is not known, nor a value that is not there.
        {"P073_", {"P015_no_offset"}},
        {"P074_", {"P015_no_offset"}},
        {"P073_at_least", {"P007_unknown_section"}},
        {"P074_later", {"P007_unknown_section"}},
        // The province is not known.
        {"P073_no_limit", {"P017_not_a_map"}},
        {"P073_one_of", {"P017_not_a_map"}},
        {"P070_over", {"P009_reservation"}},
        {"P071_no_gpus", {"P009_reservation"}},
        {"P071_too_far", {"P015_no_offset"}},
    };
    return std::any_of(by_code.begin(), by_code.end(), [&](const auto& row) {
        return hidden.rfind(row.first, 0) == 0 &&
               std::any_of(row.second.begin(), row.second.end(),
                           [&](const auto& each) { return by.rfind(each, 0) == 0; });
    });
}

std::optional<std::string> with_both(const Case& one, const Case& other) {
    std::string text = example_text();
    for (const Case* fixture : {&one, &other}) {
        for (const auto& [from, to] : fixture->replacements) {
            const std::size_t at = text.find(from);
            if (at == std::string::npos) {
                return std::nullopt;  // Both change the same words.
            }
            text.replace(at, from.size(), to);
        }
    }
    take_marks(text);
    return text;
}

TEST(PolicyPairs, NoFaultHidesAnother) {
    std::vector<std::pair<std::string, Case>> cases;
    for (const std::string& file : case_files("policy")) {
        Case fixture = read_case(file);
        if (!is_of_the_whole_text(fixture)) {
            cases.emplace_back(std::filesystem::path(file).stem().string(), std::move(fixture));
        }
    }
    int pairs = 0;
    for (const auto& [name, one] : cases) {
        for (const auto& [other_name, other] : cases) {
            const auto text = name == other_name ? std::nullopt : with_both(one, other);
            if (!text || is_excused(name, other_name)) {
                continue;
            }
            ++pairs;
            std::set<std::string> found;
            for (const Complaint& complaint :
                 check_policy(*text, "p.yaml", context_of({&one, &other})).complaints) {
                found.insert(complaint.code + " " + complaint.path);
            }
            for (const std::string& expect : one.expects) {
                EXPECT_TRUE(found.contains(expect))
                    << expect << " is hidden: " << name << " by " << other_name;
            }
        }
    }
    EXPECT_GT(pairs, 2000);
}

}  // namespace
}  // namespace khu::config
