#!/usr/bin/env python3
"""The house checks must be able to fail: each catches a bad fixture and lets a good one pass."""

import os
import shutil
import subprocess
import tempfile
import unittest

import format as format_check
import functions
import house
import purity
import reflow
import rules_arrows
import rules_core
import rules_docs
import rules_text
import source

HEADER = "#pragma once\n\n/// \\file\n/// What it is.\n\n"


class Memory(source.Tree):
    """A tree that exists only in a test: path -> text."""

    def __init__(self, files):
        code = [source.Source(path, text) for path, text in files.items()
                if path.endswith((".h", ".cc", ".py", ".sh"))]
        super().__init__("/nowhere", code)
        self.files = files

    def read(self, path):
        return self.files.get(path, "")

    def exists(self, path):
        return os.path.normpath(path) in self.files

    def list(self, folder, ending):
        return sorted(path for path in self.files
                      if os.path.dirname(path) == folder and path.endswith(ending))


def places(rule, files):
    return [f"{finding.path}:{finding.line}" for finding in rule(Memory(files))]


def body(lines):
    return "void long_one() {\n" + "    step();\n" * (lines - 2) + "}\n"


class Reading(unittest.TestCase):
    def test_strings_and_comments_are_no_code(self):
        code = source.Source("core/base/a.cc", 'f("a;{ \\" }"); // {\n/* { */ char c = \'{\'; '
                             'g(R"x({ " )" )x"); int n = 1\'000;').code
        self.assertNotIn("{", code)
        self.assertIn("1'000", code)
        self.assertEqual(code.count("\n"), 1)

    def test_functions_are_found_through_what_c_plus_plus_has(self):
        text = """namespace khu {
struct A {
    explicit A(int x) : a_{x}, b_{
        2} {
        use();
    }
    bool operator==(const A& o) const { return true; }
    int a_{0}, b_ = 3;
};
const std::map<int, int> table = {
    {1, 2},
    {3, 4},
};
enum class E : int { One, Two };
template <class T>
auto apply(T t) -> decltype(t()) {
    auto inner = [&](int x) { return x; };
    return t();
}
TEST(Zone, Holds) {
    if (a) { b(); }
}
#define BAD(x) do { x
}  // namespace khu
"""
        found = functions.functions(source.Source("core/base/a.cc", text))
        self.assertEqual([(f.name, f.first_line, f.last_line) for f in found],
                         [("A", 3, 6), ("operator==", 7, 7), ("apply", 15, 19),
                          ("TEST(Zone, Holds)", 20, 22)])


class Text(unittest.TestCase):
    def test_long_functions(self):
        self.assertEqual(places(rules_text.long_functions, {"core/base/a.cc": body(70)}), [])
        self.assertEqual(places(rules_text.long_functions, {"core/base/a.cc": "\n" + body(71)}),
                         ["core/base/a.cc:2"])

    def test_long_files(self):
        files = {"core/base/a.cc": "\n" * 601, "tests/core/a_test.cc": "\n" * 601,
                 "tests/core/b_test.cc": "\n" * 901, "tools/x.sh": "\n" * 601}
        self.assertEqual(places(rules_text.long_files, files),
                         ["core/base/a.cc:601", "tests/core/b_test.cc:901", "tools/x.sh:601"])

    def test_long_lines_count_letters_not_bytes(self):
        self.assertEqual(places(rules_text.long_lines, {"core/base/a.cc": "ạ" * 100}), [])
        self.assertEqual(places(rules_text.long_lines, {"core/base/a.cc": "\n" + "a" * 101}),
                         ["core/base/a.cc:2"])

    def test_headers_say_what_they_are(self):
        rule = rules_text.headers_say_what_they_are
        self.assertEqual(places(rule, {"core/base/a.h": HEADER}), [])
        self.assertEqual(len(places(rule, {"core/base/a.h": "#include <map>\n"})), 2)
        self.assertEqual(len(places(rule, {"core/base/a.h": "#pragma once\nint f();\n"})), 1)

    def test_using_namespace_in_headers(self):
        rule, line = rules_text.using_namespace_in_headers, "using namespace std;\n"
        self.assertEqual(places(rule, {"core/base/a.h": HEADER + line, "core/base/a.cc": line,
                                       "core/base/b.h": HEADER + "// " + line}),
                         ["core/base/a.h:6"])

    def test_what_is_left_has_its_reason(self):
        rule = rules_text.reasons_for_what_is_left
        self.assertEqual(places(rule, {"wire/a.cc": "// TODO (needs libpq): the rest\n"}), [])
        self.assertEqual(places(rule, {"wire/a.cc": "// TODO it\n", "tools/x.sh": "# FIXME\n"}),
                         ["wire/a.cc:1", "tools/x.sh:1"])

    def test_one_await_a_statement(self):
        rule = rules_text.one_await_a_statement
        good = ["co_await timer.wait(token);", "const auto x = co_await f(a, b);",
                "x = co_await f();",
                "if (a) {\n co_await f();\n}", "for (;;) {\n auto [a, b] = co_await f(x);\n}",
                "case 1:\n co_await f();"]
        bad = ["if (co_await f()) {", "return g(co_await f());", "x = a ? co_await f() : b;",
               "auto x = co_await f() + co_await g();", "co_return co_await f();",
               "auto x = co_await f(Frame{1, 2});", "auto x = T{co_await f()};",
               "x = a && co_await f();"]
        for text in good:
            self.assertEqual(places(rule, {"daemon/a.cc": text}), [], text)
        for text in bad:
            self.assertTrue(places(rule, {"daemon/a.cc": text}), text)


class Arrows(unittest.TestCase):
    def complaint(self, path, include, rule=rules_arrows.arrows):
        return places(rule, {path: include + "\n"})

    def test_arrows_point_down(self):
        allowed = [("core/placement/a.cc", "core/topology/devices.h"),
                   ("core/jobs/a.cc", "core/topology/devices.h"), ("wire/a.h", "core/jobs/job.h"),
                   ("daemon/http/a.cc", "config/policy.h"), ("cli/plan.cc", "core/sim/zone.h"),
                   ("tests/daemon/a_test.cc", "tests/support/world.h"),
                   ("agent/a.cc", "plugins/launcher.h"), ("agent/a.cc", "core/node/node.h"),
                   ("core/node/a.h", "core/protocol/messages.h")]
        refused = [("core/base/a.h", "core/jobs/job.h"), ("core/schedule/a.cc", "core/machine/m.h"),
                   ("core/ledger/a.h", "core/placement/p.h"), ("core/jobs/a.h", "wire/json.h"),
                   ("wire/a.h", "daemon/engine.h"), ("daemon/a.cc", "agent/attempt.h"),
                   ("agent/a.cc", "cli/table.h"), ("cli/a.cc", "daemon/engine.h"),
                   ("plugins/a.cc", "agent/process.h"), ("config/a.cc", "wire/json.h"),
                   ("daemon/a.cc", "core/sim/zone.h"), ("daemon/a.cc", "tests/support/world.h"),
                   ("core/base/a.cc", "check.h"), ("core/base/a.cc", "core/odd/a.h"),
                   ("core/node/a.cc", "core/machine/m.h"), ("agent/a.cc", "core/ledger/g.h"),
                   ("core/machine/a.cc", "core/sim/zone.h")]
        for path, target in allowed:
            self.assertEqual(self.complaint(path, f'#include "{target}"'), [], (path, target))
        for path, target in refused:
            self.assertEqual(self.complaint(path, f'#include "{target}"'), [f"{path}:1"],
                             (path, target))

    def test_outside_libraries_stay_in_their_rooms(self):
        rule = rules_arrows.outside_libraries
        for path, target in [("core/base/a.h", "boost/describe.hpp"),
                             ("daemon/store/a.cc", "sqlite3.h"),
                             ("wire/net/a.cc", "boost/asio.hpp"), ("core/base/a.h", "map")]:
            self.assertEqual(self.complaint(path, f"#include <{target}>", rule), [], (path, target))
        for path, target in [("core/base/a.h", "boost/json.hpp"), ("daemon/a.cc", "sqlite3.h"),
                             ("wire/a.cc", "boost/asio/ip/tcp.hpp"), ("agent/a.cc", "hwloc.h"),
                             ("daemon/a.cc", "yaml-cpp/yaml.h"), ("cli/a.cc", "gtest/gtest.h")]:
            self.assertEqual(self.complaint(path, f"#include <{target}>", rule), [f"{path}:1"],
                             (path, target))

    def test_circles(self):
        files = {"core/jobs/a.h": '#include "core/ledger/b.h"\n', "core/ledger/b.h": ""}
        self.assertEqual(places(rules_arrows.circles, files), [])
        files["core/ledger/c.h"] = '#include "core/jobs/a.h"\n'
        self.assertEqual(len(places(rules_arrows.circles, files)), 1)
        self.assertEqual(len(places(rules_arrows.circles, {
            "wire/a.h": '#include "wire/b.h"\n', "wire/b.h": '#include "wire/a.h"\n'})), 1)

    def test_own_header_comes_first(self):
        files = {"wire/a.h": HEADER, "wire/a.cc": '#include <map>\n#include "wire/a.h"\n'}
        self.assertEqual(places(rules_arrows.own_header_first, files), ["wire/a.cc:1"])
        files["wire/a.cc"] = '#include "wire/a.h"\n#include <map>\n'
        self.assertEqual(places(rules_arrows.own_header_first, files), [])

    def test_every_file_is_built(self):
        files = {"daemon/store/a.cc": "", "daemon/CMakeLists.txt": "khu_library(x store/a.cc)"}
        self.assertEqual(places(rules_arrows.every_file_is_built, files), [])
        files["daemon/CMakeLists.txt"] = "khu_library(x store/data.cc)"
        self.assertEqual(places(rules_arrows.every_file_is_built, files), ["daemon/store/a.cc:1"])


class Core(unittest.TestCase):
    def test_the_core_does_not_see_the_world(self):
        rule = rules_core.world_in_core
        bad = ["auto t = std::chrono::system_clock::now();", "int x = rand();", "std::rand();",
               'getenv("HOME");', "std::random_device seed;", "time(nullptr);", "std::mutex m;",
               "#include <thread>", "#include <sys/socket.h>"]
        good = ["zone.random(4);", "grand();", "job.time();", "// std::rand()",
                'say("getenv(x)");', "#include <map>", "const Moment now = state.now();"]
        for text in bad:
            self.assertEqual(places(rule, {"core/machine/a.cc": text}), ["core/machine/a.cc:1"],
                             text)
            self.assertEqual(places(rule, {"daemon/a.cc": text}), [], text)
        for text in good:
            self.assertEqual(places(rule, {"core/machine/a.cc": text}), [], text)

    def test_unordered_iteration(self):
        rule = rules_core.unordered_iteration
        header = HEADER + "class A {\n std::unordered_map<JobId, std::vector<int>> jobs_;\n};\n"
        good = "int A::f() { for (int x : order_) g(jobs_.at(x)); return jobs_.size(); }\n"
        for loop in ("for (auto& [id, job] : jobs_) {", "for (const auto& x : this->jobs_)",
                     "auto it = jobs_.begin();"):
            files = {"core/machine/a.h": header, "core/machine/a.cc": good + loop}
            self.assertEqual(places(rule, files), ["core/machine/a.cc:2"], loop)
        self.assertEqual(places(rule, {"core/machine/a.h": header, "core/machine/a.cc": good}), [])
        self.assertEqual(places(rule, {"core/machine/a.cc":
                         "void f(const std::unordered_set<int>& s) {\n for (int x : s) g(x);\n}"}),
                         ["core/machine/a.cc:2"])

    def test_books_are_kept_in_integers(self):
        rule = rules_core.floating_point_in_books
        for path in ("core/ledger/a.cc", "core/schedule/fair_share.cc", "daemon/reports/jobs.cc"):
            self.assertEqual(places(rule, {path: "double x = f();"}), [path + ":1"])
            self.assertEqual(places(rule, {path: "auto x = 0.5 * y;"}), [path + ":1"])
            self.assertEqual(places(rule, {path: "int x = 5; // 0.5 double"}), [])
        self.assertEqual(places(rule, {"core/placement/score.cc": "double x;"}), [])


class Docs(unittest.TestCase):
    CODES = ('KHU_CODE(A, "A104", "too_small", Refusal, 422, "x", "", "x", "")\n'
             'KHU_CODE(B, "A110", "waits", Reason, 200, "x", "", "x", "")\n')
    LONG = "word " * 30

    def pages(self, refusals, reasons):
        return places(rules_docs.codes_have_pages, {
            "core/base/codes.def": self.CODES, "docs/refusals/a.md": refusals,
            "docs/reasons/a.md": reasons})

    def test_codes_have_pages(self):
        a104, a110 = f"## A104 too_small\n{self.LONG}\n", f"## A110 waits\n{self.LONG}\n"
        self.assertEqual(self.pages(a104, a110), [])
        self.assertEqual(self.pages("", a110), ["core/base/codes.def:1"])
        self.assertEqual(self.pages("## A104 tiny\n" + self.LONG, a110), ["docs/refusals/a.md:1"])
        self.assertEqual(self.pages("## A104 too_small\nshort\n", a110), ["docs/refusals/a.md:1"])
        self.assertEqual(self.pages(a104 + "## A999 gone\n" + self.LONG, a110),
                         ["docs/refusals/a.md:3"])
        self.assertEqual(len(self.pages(a104 + a110, "")), 2)

    def test_policy_codes_have_pages(self):
        rule = rules_docs.policy_codes_have_pages
        page = {"docs/refusals/policy.md": "## P041 split\n"}
        self.assertEqual(places(rule, {"config/a.cc": 'e("P041", x);\n// "P999"', **page}), [])
        self.assertEqual(places(rule, {"core/policy/a.cc": '\ne("P042", x);', **page}),
                         ["core/policy/a.cc:2"])

    def test_policy_keys_are_documented(self):
        rule, schema = rules_docs.policy_keys_are_documented, "core/policy/schema.h"
        page = {"docs/formats/policy.md": "| `carry.max`, `share` | and half_life |"}
        good, bad = 'io.may("max", x); io.group("share")', 'io.must("half_life", Day{}, p.x);'
        self.assertEqual(places(rule, {schema: good, **page}), [])
        self.assertEqual(places(rule, {schema: "\n" + bad, **page}), [schema + ":2"])

    def test_named_documents_exist(self):
        rule, there = rules_docs.named_documents_exist, {"docs/formats/a.md": "", "core/b/x.md": ""}
        for text in ("// see docs/formats/a.md.", "// x.md says why", "// policy.yaml:12",
                     "// a.mdx"):
            self.assertEqual(places(rule, {"core/b/a.cc": text, **there}), [], text)
        for text in ("// see docs/formats/b.md", "// docs/api/x.yaml", "// plan.md section 4"):
            self.assertEqual(places(rule, {"core/b/a.cc": text, **there}), ["core/b/a.cc:1"], text)

    def test_links_lead_somewhere(self):
        files = {"README.md": "[a](docs/a.md) [b](https://x.org)",
                 "docs/a.md": "[r](../README.md#x)"}
        self.assertEqual(places(rules_docs.links_lead_somewhere, files), [])
        files["docs/a.md"] = "\n[gone](gone.md)"
        self.assertEqual(places(rules_docs.links_lead_somewhere, files), ["docs/a.md:2"])


class Purity(unittest.TestCase):
    def symbols_of(self, text):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "a.cc")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            subprocess.run(["g++", "-std=c++20", "-c", path, "-o", path + ".o"], check=True)
            return list(purity.complaints(path + ".o"))

    def test_a_clock_in_an_object_file_is_caught(self):
        self.assertEqual(len(self.symbols_of('extern "C" long time(long*);\n'
                                             "long f() { return time(nullptr); }")), 1)

    def test_arithmetic_is_let_through(self):
        self.assertEqual(self.symbols_of("void g(int); void f() { g(2); }"), [])

    def test_what_sees_the_world(self):
        for symbol in ("clock_gettime", "open", "fopen64", "socket", "pthread_create", "getenv",
                       "rand",
                       "std::chrono::_V2::system_clock::now()", "std::random_device::_M_getval()",
                       "std::thread::_M_start_thread(std::unique_ptr<...>)", "std::cout",
                       "std::basic_ifstream<char, std::char_traits<char> >::~basic_ifstream()",
                       "std::filesystem::status(std::filesystem::path const&)", "printf", "environ",
                       "boost::asio::detail::posix_event::posix_event()", "localtime_r",
                       "fmt::v9::vprint(fmt::v9::basic_string_view<char>, fmt::v9::format_args)"):
            self.assertTrue(purity.complaint("a.cc.o", symbol), symbol)

    def test_what_does_not(self):
        for symbol in ("memcpy", "abort", "std::__throw_bad_alloc()", "operator new(unsigned long)",
                       "vtable for std::exception", "__cxa_atexit",
                       "khu::text(khu::Refusal const&)",
                       "fmt::v9::vformat[abi:cxx11](fmt::v9::basic_string_view<char>)"):
            self.assertEqual(purity.complaint("a.cc.o", symbol), "", symbol)

    def test_only_the_broken_claim_prints(self):
        self.assertEqual(purity.complaint("check.cc.o", "fputs"), "")
        self.assertTrue(purity.complaint("units.cc.o", "fputs"))


class Format(unittest.TestCase):
    def test_the_first_difference_is_named(self):
        self.assertEqual(format_check.first_difference(b"a\nb\n", b"a\nb\n"), 0)
        self.assertEqual(format_check.first_difference(b"a\nb\n", b"a\n  b\n"), 2)
        self.assertEqual(format_check.first_difference(b"a\nb", b"a\nb\n"), 2)

    def test_long_comments_are_broken_and_tables_are_not_taken_apart(self):
        word = "word " * 19
        for before, after in (
                (f"/// {word}end x\n/// goes on.\n", f"/// {word}\n/// end x goes on.\n"),
                (f"/// {word}end x\n/// Errors: A.\n",
                 f"/// {word}\n/// end x\n/// Errors: A.\n"),
                (f"///  * {word[5:]}longer\n///    z\n", f"///  * {word[5:]}\n///    longer z\n"),
                ("/// A   B\n///    C\n", "/// A   B\n///    C\n"),
                (f"int x;  /// {word}word\n", f"int x;  /// {word}word\n")):
            expected = "\n".join(line.rstrip() for line in after.split("\n"))
            self.assertEqual(reflow.reflow(before), expected)

    @unittest.skipUnless(shutil.which(format_check.TOOL), "clang-format-19 is not installed")
    def test_a_badly_laid_out_file_is_caught(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "a.cc")
            for text, line in (("int a;\n", 0), ("int a;\n  int  b ;\n", 2)):
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
                self.assertEqual(format_check.check(path, False), line)


class Whole(unittest.TestCase):
    def test_every_rule_has_its_self_test(self):
        with open(__file__, encoding="utf-8") as file:
            text = file.read()
        for rule in house.RULES:
            self.assertIn(f"{rule.__module__}.{rule.__name__}", text)


if __name__ == "__main__":
    unittest.main()
