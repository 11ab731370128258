#include "config/script_header.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "config/shell_words.h"

namespace khu::config {
namespace {

const JobClock morning{Moment{1772413200000}, 420};
using Lines = std::vector<std::string>;

ScriptHeader header(const std::string& lines) {
    return read_script_header("#!/bin/bash\n" + lines + "\nhostname\n", "job.sh", morning);
}

/// "nodes=2" for each option.
Lines options(const ScriptHeader& header) {
    Lines out;
    for (const JobOption& option : header.options) {
        out.push_back(option.name + (option.value.empty() ? "" : "=" + option.value));
    }
    for (const Complaint& complaint : header.complaints) {
        out.push_back(show(complaint, Language::English));
    }
    return out;
}

/// "2 --mail-type=END" for each thing that is not honoured.
Lines dropped(const ScriptHeader& header) {
    Lines out;
    for (const NotHonoured& what : header.not_honoured) {
        out.push_back(fmt::format("{} {}", what.line, what.text));
    }
    return out;
}

TEST(ShellWords, AreQuotedAsInAShell) {
    const auto words = shell_words("  -J 'two words' --x=\"a \\\" b\" c\\ d # rest");
    ASSERT_TRUE(words.has_value());
    ASSERT_EQ(words->size(), 4U);
    EXPECT_EQ((*words)[1], (ShellWord{"two words", 5}));
    EXPECT_EQ((*words)[2].text, "--x=a \" b");
    EXPECT_EQ((*words)[3].text, "c d");
    EXPECT_FALSE(shell_words("'open").has_value());
    EXPECT_EQ(shell_words("a#b")->at(0).text, "a#b");
}

TEST(KhuLines, TakeLongAndShortOptionsInAnyForm) {
    EXPECT_EQ(options(header("#KHU --nodes 2 --gpus-per-node=8:h100\n#KHU -t 2h30m -J train -n3")),
              (Lines{"nodes=2", "gpus-per-node=8:h100", "time=2h30m", "name=train", "nodes=3"}));
    EXPECT_EQ(options(header("#KHU --hold --requeue")), (Lines{"hold", "requeue"}));
}

TEST(KhuLines, AreRefusedWithLineAndColumn) {
    EXPECT_EQ(options(header("#KHU --nodes 2\n#KHU --gpu-per-node=8")).back(),
              "job.sh:3:6: P007 --gpu-per-node: unknown option; did you mean 'gpus-per-node'?");
    EXPECT_EQ(options(header("#KHU --nodes two")).back(),
              "job.sh:2:6: P011 --nodes: 'two': a plain decimal integer is expected");
    EXPECT_EQ(options(header("#KHU --container x")).back().substr(0, 24),
              "job.sh:2:6: P019 --conta");
    EXPECT_EQ(options(header("#KHU --nodes")).back(), "job.sh:2:6: P004 --nodes: needs a value");
    EXPECT_EQ(options(header("#KHU --hold=yes")).back(), "job.sh:2:6: P004 --hold: takes no value");
    EXPECT_EQ(options(header("#KHU --name 'x")).back(),
              "job.sh:2:1: P000 #KHU: a quote is not closed");
    EXPECT_EQ(options(header("#KHU nodes")).back(), "job.sh:2:6: P007 #KHU: 'nodes' is no option");
}

TEST(SbatchLines, MeanTheSameHere) {
    const ScriptHeader read = header(R"(#SBATCH --job-name=train -N 2
#SBATCH --ntasks-per-node=8
#SBATCH -c 4 --gres=gpu:h100:8
#SBATCH --time=1-02:00:00 --mem=64G   # a comment
#SBATCH -p gpu-h100 -q gap
#SBATCH --output=out-%j.txt --error err-%j.txt --chdir=/work
#SBATCH --signal=B:USR1@120 --requeue --exclusive)");
    EXPECT_EQ(options(read),
              (Lines{"name=train", "nodes=2", "tasks-per-node=8", "cores-per-task=4",
                     "gpus-per-node=8:h100", "time=1-02:00:00", "mem=64G", "partition=gpu-h100",
                     "qos=gap", "output=out-%j.txt", "error=err-%j.txt", "chdir=/work",
                     "signal=USR1@120", "requeue", "exclusive"}));
    EXPECT_EQ(dropped(read), Lines{});
}

TEST(SbatchLines, CountsPerJobBecomeCountsPerNode) {
    EXPECT_EQ(options(header("#SBATCH -n 16 -N 2 -G a100-80:8")),
              (Lines{"nodes=2", "tasks-per-node=8", "gpus-per-node=4:a100-80"}));
    EXPECT_EQ(options(header("#SBATCH --gpus-per-task=1 --ntasks-per-node=4 --mem-per-gpu=10G")),
              (Lines{"tasks-per-node=4", "gpus-per-node=4", "mem=41943040K"}));
    EXPECT_EQ(options(header("#SBATCH -c 2 -n 3 --mem-per-cpu=1000")),
              (Lines{"cores-per-task=2", "tasks-per-node=3", "mem=6144000K"}));
    EXPECT_EQ(options(header("#SBATCH --mem=4000 --gres=gpu")),
              (Lines{"mem=4000M", "gpus-per-node=1"}));
    EXPECT_EQ(dropped(header("#SBATCH -n 3 -N 2")), Lines{"2 --ntasks=3"});
}

TEST(SbatchLines, WhatIsNotHonouredIsListed) {
    const ScriptHeader read = header(R"(#SBATCH --mail-type=END --mail-user=a@b.vn
#SBATCH --nice
#SBATCH --dependency=afterok:9?afterok:8
#SBATCH -A group --account=other
#SBATCH --nodes=2-4 --gres=gpu:2,license:1
#SBATCH --time=UNLIMITED --mem=0
#SBATCH --nonsense --tiem=3)");
    EXPECT_EQ(dropped(read),
              (Lines{"2 --mail-type=END", "2 --mail-user=a@b.vn", "3 --nice",
                     "4 --dependency=afterok:9?afterok:8", "5 --account=group", "5 --account=other",
                     "6 --nodes=2-4", "6 --gres=license:1", "7 --time=UNLIMITED", "7 --mem=0",
                     "8 --nonsense", "8 --tiem=3"}));
    EXPECT_EQ(options(read), (Lines{"nodes=2", "gpus-per-node=2"}));
    EXPECT_EQ(read.not_honoured.back().why_en, "no option of sbatch; did you mean --time");
}

TEST(SbatchLines, DependenciesAndKindsOfNodesMeanTheSameHere) {
    EXPECT_EQ(options(header(
                  "#SBATCH --array=1-10%2 --dependency=afterok:7:8,afterany:9,after:3,singleton")),
              (Lines{"array=1-10%2", "after=7,8", "after-any=9", "after-start=3", "singleton"}));
    EXPECT_EQ(
        options(header("#SBATCH -w gn[01-02] -x gn03 -C 'nvme&400g' --deadline=2026-04-01")),
        (Lines{"include=gn[01-02]", "exclude=gn03", "features=nvme,400g", "deadline=2026-04-01"}));
    EXPECT_EQ(options(header("#SBATCH -L eda:2,bench-rf --licenses=ansys=1")),
              (Lines{"resource=eda=2,bench-rf", "resource=ansys=1"}));
    EXPECT_EQ(dropped(header("#SBATCH -L 'eda|ansys'")), (Lines{"2 --licenses=eda|ansys"}));
    EXPECT_EQ(dropped(header("#SBATCH -C 'nvme|400g'")), (Lines{"2 --constraint=nvme|400g"}));
}

TEST(SbatchLines, ValuesThatCannotBeRightAreErrors) {
    EXPECT_EQ(options(header("#SBATCH --time=soon")).back().substr(0, 24),
              "job.sh:2:9: P014 --time:");
}

TEST(ScriptHeaders, KhuWinsOverSbatch) {
    EXPECT_EQ(options(header("#KHU --nodes 3\n#SBATCH --nodes 2")), (Lines{"nodes=2", "nodes=3"}));
}

TEST(ScriptHeaders, EndAtTheFirstCommand) {
    const ScriptHeader read = read_script_header(
        "#!/bin/sh\n\n# text\n#KHU -n 2\necho\n#KHU -n 3\n#KHUX\n", "j", morning);
    EXPECT_EQ(options(read), Lines{"nodes=2"});
    EXPECT_EQ(dropped(read), Lines{"6 #KHU -n 3"});
}

TEST(ScriptHeaders, SurviveAnyBytes) {
    EXPECT_TRUE(read_script_header("", "j", morning).options.empty());
    EXPECT_EQ(options(read_script_header("#KHU -n 2\r\n#KHU\r\n", "j", morning)), Lines{"nodes=2"});
    EXPECT_EQ(options(read_script_header("#KHU \xff\n", "j", morning)).back(),
              "j:1:1: P008 #KHU: control characters or invalid UTF-8");
    EXPECT_TRUE(read_script_header(std::string(1 << 20, '\n'), "j", morning).options.empty());
}

}  // namespace
}  // namespace khu::config
