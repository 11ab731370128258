#include "cli/plan/inventory_file.h"

#include <fmt/format.h>

#include "cli/files.h"
#include "cli/plan/agent_probe.h"
#include "core/base/limits.h"
#include "core/base/refusal.h"
#include "core/topology/node_class.h"
#include "wire/json.h"

namespace khu::cli {
namespace {

/// hwloc XML by its first character that is not white.
bool is_xml(const std::string& text) {
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    return first != std::string::npos && text[first] == '<';
}

/// `why`: what the agent said; empty: there is none.
Unexpected<BadInventory> xml(const std::string& path, const std::string& why) {
    if (!why.empty()) {
        const std::string text = fmt::format("{}: {}", path, why);
        return {BadInventory{.code = "P008", .en = text, .vi = text}};
    }
    const std::string convert =
        fmt::format("khu-agent probe --topology {0} --format json > {1}.json", path,
                    path.ends_with(".xml") ? path.substr(0, path.size() - 4) : path);
    return {BadInventory{
        .code = "P008",
        .en = fmt::format("{} is hwloc XML, which khu-agent reads, and there is none beside khu or "
                          "in PATH. Where there is one: {}; then name that file",
                          path, convert),
        .vi = fmt::format("{} là XML của hwloc, do khu-agent đọc, mà không có khu-agent bên cạnh "
                          "khu hay trong PATH. Ở nơi có: {}; rồi dùng tệp đó",
                          path, convert)}};
}

Unexpected<BadInventory> no_inventory(const std::string& path, const std::string& en,
                                      const std::string& vi) {
    return {BadInventory{
        .code = "P008",
        .en = fmt::format("{} is not what khu-agent probe --format json prints: {}", path, en),
        .vi =
            fmt::format("{} không phải kết quả của khu-agent probe --format json: {}", path, vi)}};
}

}  // namespace

Expected<Inventory, BadInventory> read_inventory(const std::string& path) {
    Expected<std::string, FileFault> content = read_file(path, limits::frame_bytes_max);
    if (!content) {
        const std::string why = fmt::format("{}: {}", path, content.error().why);
        return Unexpected{BadInventory{.code = "P000", .en = why, .vi = why}};
    }
    if (is_xml(*content)) {
        Expected<std::string, std::string> probed = probe_by_agent(path);
        if (!probed) {
            return xml(path, probed.error());
        }
        content = *std::move(probed);
    }
    Expected<Inventory, wire::JsonError> read =
        wire::from_json_text<Inventory>(*content, wire::Unknown::Refuse);
    if (!read) {
        return no_inventory(path, wire::text(read.error()), wire::text(read.error()));
    }
    const Expected<Done, Refusal> sound = check_inventory(NodeName{path}, *read);
    if (!sound) {
        return no_inventory(path, khu::text(sound.error(), Language::English),
                            khu::text(sound.error(), Language::Vietnamese));
    }
    return *std::move(read);
}

}  // namespace khu::cli
