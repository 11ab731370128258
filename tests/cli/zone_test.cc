#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/fake_khud.h"
#include "tests/cli/program.h"

namespace khu::cli::test {
namespace {

using testing::HasSubstr;
using testing::Not;

Surroundings at(const FakeKhud& khud) {
    return {.env = {{"KHU_ENDPOINT", khud.endpoint()}}};
}

TEST(Zone, NodesShowWhatIsFree) {
    const FakeKhud khud([](const FakeRequest&) {
        return http(200,
                    R"({"nodes":[{"node":1,"name":"gn01","state":"up","partitions":["gpu-h100"],)"
                    R"("gpus":8,"gpus_free":3,"cores":96,"cores_free":60,"gpu_model":"h100",)"
                    R"("mem_bytes":2164663517184,"mem_free_bytes":1082331758592,"jobs":[7,9]}]})");
    });

    EXPECT_EQ(run_khu({"nodes"}, at(khud)).out,
              "NODE  STATE  PARTITIONS  MODEL  GPUS FREE  CORES FREE  MEMORY FREE  JOBS  REASON\n"
              "gn01  up     gpu-h100    h100         3/8       60/96     1008 GiB  7,9\n");
}

/// One node, one job that runs, one that waits.
std::string small_zone(const FakeRequest& request) {
    if (request.target.starts_with("/v1/nodes")) {
        return http(200, R"({"nodes":[{"node":1,"name":"gn01","state":"up","gpus":8,"gpus_free":2,)"
                         R"("cores":96,"cores_free":24,"jobs":[7]},)"
                         R"({"node":2,"name":"gn02","state":"lost","gpus":8,"gpus_free":8,)"
                         R"("cores":96,"cores_free":96}]})");
    }
    if (request.target.find("head=") != std::string::npos) {
        return http(200, R"({"jobs":[{"job":8,"phase":"queued","spec":{"name":"big","user":"u-2",)"
                         R"("nodes":2,"gpus_per_node":8},"eta":{"early_at":"2020-01-01T00:00:00Z",)"
                         R"("late_at":"2020-01-01T00:00:00Z"},)"
                         R"("reason":{"code":"A120","name":"resources_busy","text":"busy"}}]})");
    }
    return http(200, R"({"jobs":[{"job":7,"phase":"running","spec":{"name":"train","user":"u-1",)"
                     R"("nodes":1,"gpus_per_node":6},"nodes":[{"node":"gn01"}]},)"
                     R"({"job":8,"phase":"queued"}],"total":2})");
}

TEST(Zone, TopShowsItAllOnceInAPipe) {
    const FakeKhud khud(small_zone);

    const Ran ran = run_khu({"top"}, at(khud));

    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_THAT(ran.out, HasSubstr("nodes: 1 lost, 1 up  GPUs used: 6/16 ###.....  jobs: 2\n"));
    EXPECT_THAT(ran.out, HasSubstr("gn01  up     ######..   6/8       72/96     1\n"));
    EXPECT_THAT(ran.out, HasSubstr("\n   7  train  u-1   running     6        gn01\n"));
    EXPECT_THAT(ran.out, HasSubstr("\n    8  big   u-2     16      0s-0s  A120 busy\n"));
}

TEST(Zone, StatsAreThreeTablesForPeopleAndOneForScripts) {
    const FakeKhud khud([](const FakeRequest&) {
        return http(200,
                    R"({"from_day":"2026-03-01","to_day":"2026-03-30","waits":[)"
                    R"({"programme":"","gpus_up_to":-1,"jobs":10,"wait_mean_s":90,"eta_given":4,)"
                    R"("eta_within":3,"eta_sooner":1,"eta_later":0,"eta_hit_permille":750},)"
                    R"({"programme":"free","gpus_from":5,"gpus_up_to":8,"jobs":2}],)"
                    R"("fragmentation":[{"partition":"gpu","fits_gpus":4,"nodes":3,)"
                    R"("gpus_free":13}]})");
    });

    const Ran people = run_khu({"stats", "--from", "2026-03-01", "--to", "2026-03-30"}, at(khud));
    const Ran scripts = run_khu({"stats", "eta", "--format", "csv"}, at(khud));

    EXPECT_EQ(khud.requests().at(0).target, "/v1/stats?from=2026-03-01&to=2026-03-30");
    EXPECT_THAT(people.out, HasSubstr("Jobs that started from 2026-03-01 to 2026-03-30\n"));
    EXPECT_THAT(people.out, HasSubstr("free        5-8     2"));
    EXPECT_THAT(people.out, HasSubstr("75.0 %"));
    EXPECT_THAT(people.out, HasSubstr("gpu           4      3         13\n"));
    EXPECT_THAT(scripts.out, HasSubstr("\n,-1,10,4,750,3,1,0,0,0\n"));
    EXPECT_EQ(run_khu({"stats", "nothing"}, at(khud)).code, 2);
}

TEST(Zone, ANodesTopologyIsATree) {
    const FakeKhud khud([](const FakeRequest&) {
        return http(
            200,
            R"({"name":"gn01","state":"up","inventory":{"source":"file","packages":1,)"
            R"("numa_nodes":[{"os_index":0,"package":0,"memory":1073741824}],)"
            R"("cores":[{"package":0,"numa":0,"pus":[0,2]},{"package":0,"numa":0,"pus":[1]}],)"
            R"("gpus":[{"model":"t4","pci":"0000:1b:00.0","numa":0},{"model":"t4","numa":-1}],)"
            R"("nics":[{"name":"mlx5_0","kind":"infiniband","numa":0}],)"
            R"("links":[{"from":0,"to":1,"kind":"same_numa"}],"memory":1073741824}})");
    });

    const Ran ran = run_khu({"nodes", "gn01", "--topology"}, at(khud));

    EXPECT_EQ(khud.requests().at(0).target, "/v1/nodes/gn01");
    EXPECT_THAT(ran.out, HasSubstr("  file: 1 packages, 2 cores, 2 GPUs, 1 GiB\n"
                                   "  numa 0 (package 0): 1 GiB, cores 0-1\n"
                                   "    gpu 0: t4 0000:1b:00.0\n"
                                   "    nic mlx5_0: infiniband\n"
                                   "    gpu 1: t4 \n"
                                   "  gpus     0    1\n"
                                   "     0     - NODE\n"
                                   "     1  NODE    -\n"));
}

TEST(Zone, MigSlicesStandUnderTheirGpu) {
    const FakeKhud khud([](const FakeRequest&) {
        return http(
            200,
            R"({"name":"gn01","state":"up","gpus":4,"gpus_free":3,"gpu_model":"h100","slices":[)"
            R"({"gpu":"0000:2b:00.0","model":"h100-3g-40gb","slices":1,"free":0},)"
            R"({"gpu":"0000:2b:00.0","model":"h100-1g-10gb","slices":2,"free":2}],)"
            R"("inventory":{"packages":1,"numa_nodes":[{"os_index":0,"package":0,"memory":1}],)"
            R"("gpus":[{"model":"h100","pci":"0000:1b:00.0","numa":0},)"
            R"({"model":"h100-3g-40gb","pci":"0000:2b:00.0","uuid":"MIG-a","numa":0,)"
            R"("profile":"3g.40gb"},)"
            R"({"model":"h100-1g-10gb","pci":"0000:2b:00.0","uuid":"MIG-b","numa":0,)"
            R"("profile":"1g.10gb"},)"
            R"({"model":"h100-1g-10gb","pci":"0000:2b:00.0","uuid":"MIG-c","numa":0,)"
            R"("profile":"1g.10gb"}],"links":[],"memory":1}})");
    });

    const Ran ran = run_khu({"nodes", "gn01", "--topology"}, at(khud));

    EXPECT_THAT(ran.out, HasSubstr("h100, 1 h100-3g-40gb, 2 h100-1g-10gb"));
    EXPECT_THAT(
        ran.out,
        HasSubstr("    gpu 0: h100 0000:1b:00.0\n"
                  "    gpu 0000:2b:00.0 in MIG slices: 0 of 1 h100-3g-40gb, 2 of 2 h100-1g-10gb "
                  "free\n"
                  "      gpu 1: h100-3g-40gb MIG-a\n"
                  "      gpu 2: h100-1g-10gb MIG-b\n"
                  "      gpu 3: h100-1g-10gb MIG-c\n"));
    EXPECT_THAT(ran.out, Not(HasSubstr("  gpus     0"))) << "one whole GPU has no links";
}

TEST(Zone, DrainingNeedsAReasonAndSendsIt) {
    const FakeKhud khud(
        [](const FakeRequest&) { return http(200, R"({"name":"gn01","state":"draining"})"); });

    EXPECT_EQ(run_khu({"drain", "gn01"}, at(khud)).code, 2);
    EXPECT_TRUE(khud.requests().empty());
    EXPECT_EQ(run_khu({"drain", "gn01", "--reason", "fan"}, at(khud)).out,
              "node gn01 is draining\n");
    EXPECT_EQ(khud.requests().at(0).target, "/v1/nodes/gn01/drain");
    EXPECT_EQ(khud.requests().at(0).body, R"({"reason":"fan"})");
}

TEST(Zone, GrantsAreApprovedInExactAmountsAndLocalDays) {
    const FakeKhud khud([](const FakeRequest&) {
        return http(201, R"({"grant":"DN-1","state":"open","granted_ugs":18000000000000})");
    });

    const Ran ran = run_khu(
        {"grant", "approve", "DN-1", "--enterprise", "0401000001", "--programme", "kn-80",
         "--amount", "5000h", "--from", "2026-03-02", "--to", "2027-03-02", "--decision", "12/QD"},
        at(khud));

    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_EQ(
        khud.requests().at(0).body,
        R"({"grant":"DN-1","enterprise":"0401000001","programme":"kn-80",)"
        R"("decision_ref":"12/QD","amount_ugs":18000000000000,"from_at":"2026-03-01T17:00:00Z",)"
        R"("to_at":"2027-03-01T17:00:00Z","permit":"","voucher":""})");
    EXPECT_THAT(ran.out, HasSubstr("5000.0"));
}

TEST(Zone, AGrantIsNotExtendedByNothing) {
    EXPECT_EQ(run_khu({"grant", "extend", "DN-1"}).code, 2);
    EXPECT_EQ(run_khu({"grant", "approve", "DN-1"}).code, 2);
}

TEST(Zone, APolicyWithMistakesIsRefusedWithoutAskingAnybody) {
    const FakeKhud khud([](const FakeRequest&) { return http(200, R"({"accepted":true})"); });
    const Folder folder;
    const std::string path = folder.file("bad.yaml", "khu_policy: 1\nprempt: 1\n");

    const Ran check = run_khu({"policy", "check", path}, at(khud));
    const Ran apply = run_khu({"policy", "apply", path}, at(khud));

    EXPECT_EQ(check.code, 1);
    EXPECT_THAT(check.out, HasSubstr(path + ":2:1: P007 prempt"));
    EXPECT_THAT(check.out, HasSubstr("P004"));
    EXPECT_THAT(check.out, HasSubstr("is refused"));
    EXPECT_EQ(apply.code, 1);
    EXPECT_TRUE(khud.requests().empty());
}

class ShippedPolicy : public testing::Test {
protected:
    const std::string path = std::string(KHU_SOURCE_DIR) + "/config/examples/dn-cvpm2.yaml";
};

TEST_F(ShippedPolicy, IsGoodAlone) {
    const Ran ran = run_khu({"policy", "check", "--offline", path});

    EXPECT_EQ(ran.code, 0) << ran.out << ran.err;
    EXPECT_THAT(ran.out, HasSubstr("is good: 0 errors"));
}

TEST_F(ShippedPolicy, IsCheckedAgainstTheZoneWhenThereIsOne) {
    const FakeKhud khud([](const FakeRequest&) {
        return http(200, R"({"accepted":false,"policy":"p","complaints":[{"code":"P020",)"
                         R"("severity":"error","path":"supersedes","text":"someone was faster",)"
                         R"("place":"x.yaml:3:5"}]})");
    });

    const Ran ran = run_khu({"policy", "check", path}, at(khud));

    EXPECT_EQ(ran.code, 1);
    EXPECT_THAT(ran.out, HasSubstr("x.yaml:3:5: P020 supersedes: someone was faster\n"));
    EXPECT_EQ(khud.requests().at(0).target, "/v1/policy/check");
}

TEST_F(ShippedPolicy, WithoutAZoneTheCheckSaysSo) {
    const Ran ran = run_khu({"policy", "check", "--endpoint", "unix:/nonexistent/s", path});

    EXPECT_EQ(ran.code, 0);
    EXPECT_THAT(ran.err, HasSubstr("not against the zone"));
}

TEST_F(ShippedPolicy, IsCheckedUnderTheRulesThatAreNamed) {
    const Folder folder;
    const std::string nation = KHU_SOURCE_DIR "/examples/layers/national.yaml";
    const std::string broken = folder.file("broken.yaml", "khu_layer: 2\n");
    std::string text = read_text(path);
    text.replace(text.find("grace: 5m"), 9, "grace: 2m");
    const std::string beyond = folder.file("beyond.yaml", text);

    const Ran good = run_khu({"policy", "check", "--offline", "--under", nation, path});
    const Ran bad = run_khu({"policy", "check", "--offline", "--under", nation, beyond});
    const Ran of_rules = run_khu({"policy", "check", "--offline", "--under", broken, path});

    EXPECT_EQ(good.code, 0) << good.out << good.err;
    EXPECT_EQ(bad.code, 1);
    EXPECT_THAT(bad.out, HasSubstr("P073 preemption.grace: 2m, at least 5m is required "
                                   "(national vn-2026.1, line 16)"));
    EXPECT_EQ(of_rules.code, 1);
    EXPECT_THAT(of_rules.out, HasSubstr("broken.yaml:1:12: P001 khu_layer"));
}

TEST_F(ShippedPolicy, RulesThatTheZoneDoesNotKnowYetAreWarnedOf) {
    const Folder folder;
    const FakeKhud khud(
        [](const FakeRequest&) { return http(200, R"({"accepted":true,"policy":"p"})"); });

    const Ran ran = run_khu(
        {"policy", "check", "--under", KHU_SOURCE_DIR "/tests/fixtures/layer/later.yaml", path},
        at(khud));

    EXPECT_EQ(ran.code, 0);
    EXPECT_THAT(ran.out, HasSubstr("warning: P074 preemption.grace: 5m, at least 10m is required"));
}

TEST(Zone, RulesAboveItAreBroughtShownAndRolledBackUnderTheirLevel) {
    const std::string rules = KHU_SOURCE_DIR "/examples/layers/da-nang.yaml";
    const FakeKhud khud([](const FakeRequest& request) {
        return request.target == "/v1/policy"
                   ? http(200, R"({"policy":"p","text":"t\n","held":[{"path":"qos.gap.time_limit",)"
                               R"("value":"3h","bound":"2h","limit":{"layer":"province",)"
                               R"("policy":"dn-1","line":9}}]})")
                   : http(200, R"({"accepted":true,"policy":"dn-1","policies":[]})");
    });

    EXPECT_EQ(run_khu({"policy", "apply", "--layer", "province", rules}, at(khud)).code, 0);
    EXPECT_EQ(run_khu({"policy", "history", "--layer", "national"}, at(khud)).code, 0);
    EXPECT_EQ(run_khu({"policy", "rollback", "--layer", "province", "--id", "dn-3"}, at(khud)).code,
              0);
    const Ran shown = run_khu({"policy", "show"}, at(khud));

    EXPECT_EQ(khud.requests().at(0).target, "/v1/policy/layers/province");
    EXPECT_EQ(khud.requests().at(1).target, "/v1/policy/layers/national/history");
    EXPECT_EQ(khud.requests().at(2).target, "/v1/policy/layers/province/rollback");
    EXPECT_EQ(shown.out, "t\n");
    EXPECT_THAT(shown.err, HasSubstr("qos.gap.time_limit: 3h -> 2h (province dn-1, line 9)"));
    EXPECT_EQ(run_khu({"policy", "apply", "--layer", "zone", rules}, at(khud)).code, 2);
}

TEST(Zone, TheLedgerIsVerifiedByExitCode) {
    const FakeKhud good(
        [](const FakeRequest&) { return http(200, R"({"ok":true,"entries":42,"head":"ab12"})"); });
    const FakeKhud bad([](const FakeRequest&) {
        return http(200, R"({"ok":false,"entries":17,"problem":"entry 18: hash"})");
    });

    EXPECT_EQ(run_khu({"ledger", "verify"}, at(good)).out,
              "the ledger is whole: 42 entries, head ab12\n");
    EXPECT_EQ(run_khu({"ledger", "verify"}, at(bad)).code, 1);
}

TEST(Zone, ATokensSecretStandsAloneOnStandardOutput) {
    const FakeKhud khud([](const FakeRequest&) {
        return http(201, R"({"token":{"id":"t-1","user":"u-1","kind":"user",)"
                         R"("expires_at":"2026-03-02T01:00:00Z"},"secret":"s3cret"})");
    });

    const Ran ran = run_khu({"token", "create", "--user", "u-1", "--role", "holder", "--role",
                             "member", "--valid", "30d"},
                            at(khud));

    EXPECT_EQ(ran.out, "s3cret\n");
    EXPECT_THAT(ran.err, HasSubstr("t-1"));
    EXPECT_THAT(khud.requests().at(0).body, HasSubstr(R"("roles":["holder","member"])"));
    EXPECT_THAT(khud.requests().at(0).body, HasSubstr(R"("valid_s":2592000)"));
    EXPECT_EQ(run_khu({"token", "create"}, at(khud)).code, 2);
    EXPECT_EQ(run_khu({"token", "create", "--user", "x", "--role", "king"}, at(khud)).code, 2);
}

TEST(Zone, LoginKeepsATokenFileAndTheEndpointOnlyAfterKhudKnewIt) {
    const FakeKhud khud([](const FakeRequest&) {
        return http(200, R"({"zone":"dn","user":"root","how":"unix"})");
    });
    const FakeKhud stranger([](const FakeRequest&) { return problem(401, "N401", "no", "[]"); });
    const Folder folder;
    Surroundings around;
    around.env["XDG_CONFIG_HOME"] = folder.path();

    const Ran refused = run_khu({"login", "--endpoint", stranger.endpoint()}, around);
    const std::string before = read_text(folder.path() + "/khu/config.yaml");
    const Ran ran = run_khu({"login", "--endpoint", khud.endpoint()}, around);

    EXPECT_EQ(refused.code, 1);
    EXPECT_EQ(before, "");
    EXPECT_EQ(ran.out, "zone dn knows you as root\n") << ran.err;
    EXPECT_EQ(read_text(folder.path() + "/khu/config.yaml"), "endpoint: " + khud.endpoint() + "\n");
}

TEST(Zone, TheManualPageIsWhatTheProgramSays) {
    EXPECT_EQ(run_khu({"completion", "man"}).out,
              read_text(std::string(KHU_SOURCE_DIR) + "/docs/man/khu.1"))
        << "khu completion man >docs/man/khu.1";
}

TEST(Zone, BashCompletesCommandsOptionsAndChoices) {
    const Folder folder;
    const std::string script = folder.file("khu.bash", run_khu({"completion", "bash"}).out);
    const auto complete = [&](const std::string& typed) {
        const std::string command = "bash --norc -c '. " + script + "; COMP_WORDS=(" + typed +
                                    "); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _khu; "
                                    "echo \"${COMPREPLY[*]}\"' >" +
                                    folder.path() + "/out";
        EXPECT_EQ(std::system(command.c_str()), 0);
        return read_text(folder.path() + "/out");
    };

    EXPECT_EQ(complete("khu sub"), "submit\n");
    EXPECT_EQ(complete("khu grant app"), "approve\n");
    EXPECT_EQ(complete("khu submit --tasks"), "--tasks-per-node\n");
    EXPECT_EQ(complete("khu submit --launcher t"), "torch\n");
    EXPECT_EQ(complete("khu submit --arx"), "\n");
}

}  // namespace
}  // namespace khu::cli::test
