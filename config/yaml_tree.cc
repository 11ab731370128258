#include "config/yaml_tree.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <istream>
#include <map>
#include <streambuf>
#include <utility>

#include "config/utf8.h"
#include "core/base/limits.h"

namespace khu::config {
namespace {

/// Ends yaml-cpp's parse from inside an event; caught in read_tree.
struct StopReading : std::exception {};

/// A text as a stream without copying it.
class TextBuffer : public std::streambuf {
public:
    explicit TextBuffer(std::string_view text) {
        char* begin = const_cast<char*>(text.data());  // NOLINT: streambuf wants it; only read.
        setg(begin, begin, begin + text.size());
    }
};

/// Builds the tree from yaml-cpp's events, one frame for each open map or sequence.
class Builder : public YAML::EventHandler {
public:
    Builder(std::string_view text, const std::string& file, const TreeLimits& limits)
        : text_(text), file_(file), limits_(limits) {}

    void OnDocumentStart(const YAML::Mark& mark) override {
        if (++documents_ > 1) {
            complain("P002", place(mark), "", "exactly one document is expected",
                     "chỉ được có một tài liệu");
            throw StopReading();
        }
    }
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
        refuse_properties(mark, "");
        add(node_at(NodeKind::Null, mark));
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
        complain("P005", place(mark), path(), "an alias is not allowed", "không được dùng alias");
        add(node_at(NodeKind::Refused, mark));
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                  const std::string& value) override {
        refuse_properties(mark, tag);
        Node node = node_at(NodeKind::Scalar, mark);
        node.text = value;
        node.quoted = tag == "!";
        add(std::move(node));
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                         YAML::EmitterStyle::value) override {
        open(NodeKind::Sequence, mark, tag);
    }
    void OnSequenceEnd() override { close(); }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                    YAML::EmitterStyle::value) override {
        open(NodeKind::Map, mark, tag);
    }
    void OnMapEnd() override { close(); }

    [[nodiscard]] int documents() const { return documents_; }
    [[nodiscard]] bool gave_up() const { return gave_up_; }
    Node take_root() { return std::move(root_); }
    std::vector<Complaint> take_complaints() { return std::move(complaints_); }

    void complain(std::string code, Place at, std::string key_path, std::string en,
                  std::string vi) {
        if (complaints_.size() < complaints_max) {
            complaints_.push_back({std::move(code), Severity::Error, std::move(key_path),
                                   std::move(en), std::move(vi), file_, at.line, at.column});
        }
    }
    /// The place of a mark, whose column is in bytes. Marks mostly rise, so that counting goes on
    /// from the last one: a file of one long line costs linear time.
    Place place(const YAML::Mark& mark) {
        const auto pos = std::min(static_cast<std::size_t>(std::max(mark.pos, 0)), text_.size());
        const auto before = std::min(static_cast<std::size_t>(std::max(mark.column, 0)), pos);
        if (mark.line != counted_line_ || pos < counted_to_ || pos - before > counted_to_) {
            counted_line_ = mark.line;
            counted_to_ = pos - before;
            counted_ = 0;
        }
        counted_ += count_characters(text_.substr(counted_to_, pos - counted_to_));
        counted_to_ = pos;
        return {mark.line + 1, counted_ + 1};
    }

private:
    struct Frame {
        Node node;
        std::map<std::string, int> lines;  ///< of the keys seen, for P003
        Entry entry;                       ///< of a Map: the key read, its value awaited
        bool has_key{false};
        bool skip_value{false};  ///< a key that was refused
    };

    /// Anchors and tags are not events of their own: the mark points at them.
    void refuse_properties(const YAML::Mark& mark, const std::string& tag) {
        const auto pos = static_cast<std::size_t>(std::max(mark.pos, 0));
        const char first = pos < text_.size() ? text_[pos] : ' ';
        if (first == '&') {
            complain("P005", place(mark), path(), "an anchor is not allowed",
                     "không được dùng anchor");
        }
        if (first == '!' || !(tag.empty() || tag == "?" || tag == "!")) {
            complain("P005", place(mark), path(), "a tag is not allowed", "không được dùng tag");
        }
    }

    void count_node() {
        if (++nodes_ > limits_.nodes_max) {
            give_up(fmt::format("more than {} values", limits_.nodes_max),
                    fmt::format("nhiều hơn {} giá trị", limits_.nodes_max), last_place_);
        }
    }

    void open(NodeKind kind, const YAML::Mark& mark, const std::string& tag) {
        refuse_properties(mark, tag);
        last_place_ = place(mark);
        if (static_cast<std::int64_t>(frames_.size()) >= limits_.depth_max) {
            give_up(fmt::format("nested deeper than {}", limits_.depth_max),
                    fmt::format("lồng sâu hơn {}", limits_.depth_max), last_place_);
        }
        count_node();
        frames_.push_back({});
        frames_.back().node.kind = kind;
        frames_.back().node.place = last_place_;
    }

    void close() {
        Node node = std::move(frames_.back().node);
        frames_.pop_back();
        attach(std::move(node));
    }

    Node node_at(NodeKind kind, const YAML::Mark& mark) {
        Node node;
        node.kind = kind;
        node.place = place(mark);
        return node;
    }

    void add(Node node) {
        last_place_ = node.place;
        count_node();
        attach(std::move(node));
    }

    void attach(Node node) {
        if (frames_.empty()) {
            root_ = std::move(node);
            return;
        }
        Frame& frame = frames_.back();
        if (frame.node.kind == NodeKind::Sequence) {
            frame.node.items.push_back(std::move(node));
        } else if (!frame.has_key) {
            attach_key(frame, std::move(node));
        } else {
            frame.has_key = false;
            if (!std::exchange(frame.skip_value, false)) {
                frame.entry.value = std::move(node);
                frame.node.entries.push_back(std::move(frame.entry));
            }
            frame.entry = {};
        }
    }

    void attach_key(Frame& frame, Node node) {
        frame.has_key = true;
        frame.skip_value = true;
        if (node.kind != NodeKind::Scalar) {
            if (node.kind != NodeKind::Refused) {
                complain("P017", node.place, path(), "a key must be a word", "khoá phải là một từ");
            }
            return;
        }
        if (node.text == "<<" && !node.quoted) {
            complain("P005", node.place, path(), "a merge key is not allowed",
                     "không được dùng khoá gộp <<");
            return;
        }
        const auto [seen, fresh] = frame.lines.emplace(node.text, node.place.line);
        if (!fresh) {
            frame.entry.key = node.text;
            complain("P003", node.place, path(),
                     fmt::format("already set at line {}", seen->second),
                     fmt::format("đã có ở dòng {}", seen->second));
            return;
        }
        frame.skip_value = false;
        frame.entry.key = std::move(node.text);
        frame.entry.key_quoted = node.quoted;
        frame.entry.key_place = node.place;
    }

    /// Of the value that is being read.
    [[nodiscard]] std::string path() const {
        std::string out;
        for (const Frame& frame : frames_) {
            if (frame.node.kind == NodeKind::Sequence) {
                out += fmt::format("[{}]", frame.node.items.size());
            } else if (!frame.entry.key.empty()) {
                out += (out.empty() ? "" : ".") + frame.entry.key.substr(0, 60);
            }
        }
        return out;
    }

    [[noreturn]] void give_up(std::string en, std::string vi, Place at) {
        gave_up_ = true;
        complain("P006", at, "", "the file is too large or too deep: " + std::move(en),
                 "tệp quá lớn hoặc quá sâu: " + std::move(vi));
        throw StopReading();
    }

    std::string_view text_;
    const std::string& file_;
    TreeLimits limits_;
    std::vector<Frame> frames_;
    Node root_;
    Place last_place_;
    std::int64_t nodes_{0};
    int counted_line_{-1};
    std::size_t counted_to_{0};  ///< byte of the text up to which characters are counted
    int counted_{0};             ///< characters of that line before it
    int documents_{0};
    bool gave_up_{false};
    std::vector<Complaint> complaints_;
};

/// What yaml-cpp says, without its own "yaml-cpp: error at line 1, column 2: ".
void parse_all(std::string_view text, Builder& builder) {
    TextBuffer buffer(text);
    std::istream stream(&buffer);
    try {
        YAML::Parser parser(stream);
        while (parser.HandleNextDocument(builder)) {
        }
    } catch (const StopReading&) {
        // The builder has said why.
    } catch (const YAML::Exception& error) {
        const Place at = error.mark.is_null() ? Place{} : builder.place(error.mark);
        builder.complain("P000", at, "", "this is not YAML: " + error.msg,
                         "đây không phải YAML: " + error.msg);
    } catch (const std::exception& error) {
        builder.complain("P000", {}, "", std::string("this is not YAML: ") + error.what(),
                         std::string("đây không phải YAML: ") + error.what());
    }
}

}  // namespace

Tree read_tree(std::string_view text, const std::string& file, const TreeLimits& limits) {
    Tree tree;
    if (text.substr(0, 3) == "\xEF\xBB\xBF") {
        text.remove_prefix(3);
    }
    Builder builder(text, file, limits);
    if (static_cast<std::int64_t>(text.size()) > limits.bytes_max) {
        builder.complain("P006", {}, "",
                         fmt::format("the file is too large or too deep: {} bytes, at most {}",
                                     text.size(), limits.bytes_max),
                         fmt::format("tệp quá lớn hoặc quá sâu: {} byte, tối đa {}", text.size(),
                                     limits.bytes_max));
        tree.complaints = builder.take_complaints();
        return tree;
    }
    for (BadCharacter& bad : bad_characters(text, 10)) {
        builder.complain("P008", bad.place, "", std::move(bad.why_en), std::move(bad.why_vi));
    }
    tree.complaints = builder.take_complaints();
    if (!tree.complaints.empty()) {
        return tree;
    }
    parse_all(text, builder);
    const bool nothing = builder.documents() == 0;
    tree.root = builder.take_root();
    tree.complaints = builder.take_complaints();
    const bool broken = std::any_of(tree.complaints.begin(), tree.complaints.end(),
                                    [](const Complaint& c) { return c.code == "P000"; });
    if (!broken && !builder.gave_up() && (nothing || tree.root.kind == NodeKind::Null)) {
        tree.complaints.push_back(
            {"P002", Severity::Error, "", "the file is empty", "tệp rỗng", file, 1, 1});
        return tree;
    }
    tree.readable = !broken && !builder.gave_up();
    return tree;
}

TreeLimits policy_limits() {
    return {limits::policy_bytes_max, limits::policy_depth_max, limits::policy_nodes_max};
}

TreeLimits job_file_limits() {
    return {limits::script_bytes_max, 8, 10'000};
}

}  // namespace khu::config
