#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>

#include "cli/received_rows.h"
#include "tests/cli/fake_khud.h"
#include "tests/cli/program.h"
#include "wire/net/secrets.h"

namespace khu::cli::test {
namespace {

using testing::HasSubstr;

const std::string kCsv = "job_id,job_name\n1,\"two\nlines\"\n2,plain\n";

std::string manifest(const std::string& content, int rows) {
    return http(200, R"({"file":"khud's name","sha256":")" + wire::net::sha256_hex(content) +
                         R"(","bytes":)" + std::to_string(content.size()) + R"(,"rows":)" +
                         std::to_string(rows) + R"(,"is_final":true})");
}

std::string chunked(const std::string& content) {
    return "HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n" +
           content.substr(0, 5) + "\r\n" + "13\r\n" + content.substr(5, 19) + "\r\n" +
           std::string("e\r\n") + content.substr(24, 14) + "\r\n0\r\n\r\n";
}

bool is_manifest(const FakeRequest& request) {
    return request.target.find("/manifest") != std::string::npos;
}

class Report : public testing::Test {
protected:
    Ran report(const FakeKhud& khud, std::vector<std::string> more = {}) {
        std::vector<std::string> words{"report", "jobs", "--period", "2026-03"};
        words.insert(words.end(), more.begin(), more.end());
        return run_khu(words, {.env = {{"KHU_ENDPOINT", khud.endpoint()}}});
    }
    [[nodiscard]] std::vector<std::string> files() const {
        std::vector<std::string> out;
        for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
            out.push_back(entry.path().filename());
        }
        std::ranges::sort(out);
        return out;
    }
    const Folder folder;
    const std::string path = folder.path() + "/usage.csv";
};

TEST_F(Report, IsWrittenWithItsManifestWhenAllOfItHasCome) {
    ASSERT_EQ(kCsv.size(), 38U);  // chunked() cuts it there
    const FakeKhud khud([](const FakeRequest& request) {
        return is_manifest(request) ? manifest(kCsv, 2) : chunked(kCsv);
    });

    const Ran ran = report(khud, {"-o", path, "--enterprise", "0401000001"});

    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_EQ(khud.requests().at(0).target,
              "/v1/reports/jobs?period=2026-03&enterprise=0401000001&format=csv");
    EXPECT_EQ(read_text(path), kCsv);
    EXPECT_THAT(read_text(path + ".manifest.json"), HasSubstr(R"("file":"usage.csv")"));
    EXPECT_THAT(files(), testing::ElementsAre("usage.csv", "usage.csv.manifest.json"));
}

TEST_F(Report, ATruncatedOneIsNotKeptAndTheOldOneStays) {
    folder.file("usage.csv", "last month\n");
    const FakeKhud khud([](const FakeRequest& request) {
        return is_manifest(request) ? manifest(kCsv, 2) : http(200, kCsv.substr(0, 30), "text/csv");
    });

    const Ran ran = report(khud, {"-o", path});

    EXPECT_EQ(ran.code, 4);
    EXPECT_THAT(ran.err, HasSubstr("bytes: 30 came, the manifest says 38"));
    EXPECT_EQ(read_text(path), "last month\n");
    EXPECT_THAT(files(), testing::ElementsAre("usage.csv"));
}

TEST_F(Report, AConnectionThatEndsEarlyIsNoReport) {
    const FakeKhud khud([](const FakeRequest& request) {
        return is_manifest(request) ? manifest(kCsv, 2) : chunked(kCsv).substr(0, 90);
    });

    const Ran ran = report(khud, {"-o", path});

    EXPECT_EQ(ran.code, 3);
    EXPECT_TRUE(files().empty());
}

TEST_F(Report, OneByteOfDifferenceIsSeen) {
    std::string other = kCsv;
    other[20] ^= 1;
    const FakeKhud khud([other](const FakeRequest& request) {
        return is_manifest(request) ? manifest(kCsv, 2) : http(200, other, "text/csv");
    });

    EXPECT_THAT(report(khud, {"-o", path}).err, HasSubstr("sha256"));
    EXPECT_TRUE(files().empty());
}

TEST_F(Report, AMonthThatGrewBetweenReportAndManifestIsReadAgain) {
    std::atomic<int> asked{0};
    const FakeKhud khud([&](const FakeRequest& request) {
        if (is_manifest(request)) {
            return manifest(kCsv, 2);
        }
        return http(200, ++asked == 1 ? kCsv.substr(0, 30) : kCsv, "text/csv");
    });

    EXPECT_EQ(report(khud, {"-o", path}).code, 0);
    EXPECT_EQ(read_text(path), kCsv);
}

TEST_F(Report, WithoutAFileItGoesToStandardOutputAsItCame) {
    const FakeKhud khud([](const FakeRequest&) { return chunked(kCsv); });

    EXPECT_EQ(report(khud).out, kCsv);
    EXPECT_EQ(khud.requests().size(), 1U);
}

TEST_F(Report, AFolderThatCannotBeWrittenIsAFault) {
    const FakeKhud khud([](const FakeRequest& request) {
        return is_manifest(request) ? manifest(kCsv, 2) : chunked(kCsv);
    });

    const Ran ran = report(khud, {"-o", "/nonexistent/usage.csv"});

    EXPECT_EQ(ran.code, 4);
    EXPECT_THAT(ran.err, HasSubstr("cannot write /nonexistent/usage.csv"));
}

constexpr const char* kPage = "<!doctype html><title>x</title><p>1.234 đ</p>";

class StatementPdf : public Report {
protected:
    /// A folder that has `script` under the name of the program, and nothing else.
    Ran statement(const std::string& script, std::vector<std::string> more = {}) {
        const std::string bin = folder.path() + "/bin";
        std::filesystem::create_directories(bin);
        if (!script.empty()) {
            const std::string program = folder.file("bin/weasyprint", "#!/bin/sh\n" + script);
            std::filesystem::permissions(program, std::filesystem::perms::owner_all);
        }
        std::vector<std::string> words{"report",   "statement", "--period",   "2026-03",
                                       "--format", "pdf",       "--language", "vi"};
        words.insert(words.end(), more.begin(), more.end());
        return run_khu(words, {.env = {{"KHU_ENDPOINT", khud.endpoint()}, {"PATH", bin}}});
    }
    const FakeKhud khud{[](const FakeRequest&) { return http(200, kPage, "text/html"); }};
    const std::string file = folder.path() + "/statement.pdf";
};

TEST_F(StatementPdf, IsMadeHereOfThePage) {
    const Ran ran = statement("echo \"%PDF-1.7 $*\"\n/bin/cat\n", {"-o", file});

    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_EQ(khud.requests().at(0).target,
              "/v1/reports/statement?period=2026-03&format=html&language=vi");
    EXPECT_EQ(read_text(file), std::string("%PDF-1.7 --encoding utf-8 - -\n") + kPage);
    EXPECT_THAT(ran.out, HasSubstr(wire::net::sha256_hex(kPage)));
}

TEST_F(StatementPdf, WhereTheProgramIsNotInstalledIsSaidWithItsPackage_R305) {
    const Ran ran = statement("", {"-o", file});

    EXPECT_EQ(ran.code, 4);
    EXPECT_EQ(ran.err,
              "khu: a page becomes a PDF by weasyprint, which is not installed here\n"
              "     Install Debian's package weasyprint, or take --format html and print it from a "
              "browser.\n"
              "     R305 no_pdf_program\n");
    EXPECT_FALSE(std::filesystem::exists(file));
}

TEST_F(StatementPdf, AProgramThatMakesNoneLeavesNoFile_R306) {
    const Ran failed = statement("echo first >&2\necho no fonts >&2\nexit 3\n", {"-o", file});
    const Ran other = statement("echo hello\n", {"-o", file});

    EXPECT_EQ(failed.code, 4);
    EXPECT_THAT(failed.err, HasSubstr("weasyprint made no PDF, exit code 3: no fonts"));
    EXPECT_THAT(failed.err, HasSubstr("R306 pdf_failed"));
    EXPECT_THAT(other.err, HasSubstr("R306 pdf_failed"));
    EXPECT_FALSE(std::filesystem::exists(file));
}

TEST_F(StatementPdf, NeedsAFile) {
    const Ran ran = statement("");

    EXPECT_EQ(ran.code, 2);
    EXPECT_THAT(ran.err, HasSubstr("--output"));
    EXPECT_TRUE(khud.requests().empty());
}

TEST_F(StatementPdf, AllStatementsAreNoPages) {
    const auto all = [&](std::vector<std::string> more) {
        std::vector<std::string> words{"report", "statement", "--all", "--period", "2026-03"};
        words.insert(words.end(), more.begin(), more.end());
        return run_khu(words, {.env = {{"KHU_ENDPOINT", khud.endpoint()}}});
    };

    EXPECT_EQ(all({"--format", "pdf"}).code, 2);
    EXPECT_EQ(all({"--enterprise", "0401000001"}).code, 2);
    EXPECT_TRUE(khud.requests().empty());
    EXPECT_EQ(all({}).code, 0);
    EXPECT_EQ(khud.requests().at(0).target, "/v1/reports/statements?period=2026-03&format=jsonl");
}

TEST(RowCounter, CountsRowsOfEachFormHoweverTheyAreCut) {
    const auto count = [](ReportForm form, const std::string& text) {
        RowCounter rows(form);
        for (const char c : text) {
            rows.take(std::string_view(&c, 1));
        }
        return rows.rows();
    };

    EXPECT_EQ(count(ReportForm::Csv, kCsv), 2);
    EXPECT_EQ(count(ReportForm::Csv, "a,b\n"), 0);
    EXPECT_EQ(count(ReportForm::Csv, "a\n1"), 1);
    EXPECT_EQ(count(ReportForm::Csv, ""), 0);
    EXPECT_EQ(count(ReportForm::JsonLines, "{}\n{\"a\":\"\\n\"}\n"), 2);
    EXPECT_EQ(count(ReportForm::Json, R"([{"a":[{"x":1}]},{"b":"[{\"}"}])"), 2);
    EXPECT_EQ(count(ReportForm::Json, R"({"head":{"x":1},"rows":[{"a":{}},{},{}]})"), 3);
}

}  // namespace
}  // namespace khu::cli::test
