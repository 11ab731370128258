#include "agent/probe/topology_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

namespace khu::agent {
namespace {

class File {
public:
    explicit File(const std::string& path)
        : descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {}
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File() {
        if (descriptor_ >= 0) {
            close(descriptor_);
        }
    }
    [[nodiscard]] int get() const { return descriptor_; }

private:
    int descriptor_;
};

Refusal unreadable(const std::string& path, const std::string& why) {
    return Refusal(Code::TopologyUnreadable).with("path", path).with("why", why);
}

/// At most one byte more than allowed.
Expected<std::string, Refusal> read_all(int descriptor, const std::string& path) {
    std::string text(static_cast<std::size_t>(kTopologyBytesMax) + 1, '\0');
    std::size_t size = 0;
    while (size < text.size()) {
        const ssize_t got = read(descriptor, text.data() + size, text.size() - size);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return Unexpected{unreadable(path, std::strerror(errno))};
        }
        if (got == 0) {
            break;
        }
        size += static_cast<std::size_t>(got);
    }
    text.resize(size);
    return text;
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view blanks = " \t\r\n";
    const std::size_t first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) {
        return {};
    }
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

/// The version attribute of <topology ...>; empty if there is none, as hwloc 1 writes it.
std::string_view format_version(std::string_view tag) {
    constexpr std::string_view key = " version=\"";
    const std::size_t start = tag.find(key);
    if (start == std::string_view::npos) {
        return {};
    }
    const std::string_view value = tag.substr(start + key.size());
    return value.substr(0, value.find('"'));
}

Expected<Done, Refusal> check_format(std::string_view text, const std::string& path) {
    const std::string_view document = trimmed(text);
    if (document.empty()) {
        return Unexpected{damaged_topology(path, "it is empty")};
    }
    if (!document.starts_with('<') || document.find('\0') != std::string_view::npos) {
        return Unexpected{damaged_topology(path, "it is not XML")};
    }
    const std::size_t start = document.find("<topology");
    const std::size_t end = document.find('>', start);
    if (start == std::string_view::npos || end == std::string_view::npos) {
        return Unexpected{damaged_topology(path, "it has no <topology> element")};
    }
    const std::string_view version = format_version(document.substr(start, end - start));
    if (!version.empty() && version.substr(0, version.find('.')) != "2") {
        return Unexpected{Refusal(Code::TopologyNewer)
                              .with("path", path)
                              .with("found", std::string(version.substr(0, 16)))};
    }
    if (!document.ends_with("</topology>")) {
        return Unexpected{damaged_topology(path, "it ends before </topology>")};
    }
    return Done{};
}

}  // namespace

Refusal damaged_topology(const std::string& path, const std::string& why) {
    return Refusal(Code::TopologyDamaged).with("path", path).with("why", why);
}

Expected<std::string, Refusal> read_topology_file(const std::string& path) {
    const File file(path);
    if (file.get() < 0) {
        return Unexpected{unreadable(path, std::strerror(errno))};
    }
    struct stat about{};
    if (fstat(file.get(), &about) != 0) {
        return Unexpected{unreadable(path, std::strerror(errno))};
    }
    if (!S_ISREG(about.st_mode)) {
        return Unexpected{unreadable(path, "it is not a regular file")};
    }
    if (about.st_size > kTopologyBytesMax) {
        return Unexpected{Refusal(Code::TopologyTooLarge)
                              .with("path", path)
                              .with("size_bytes", about.st_size)
                              .with("limit_bytes", kTopologyBytesMax)};
    }
    Expected<std::string, Refusal> text = read_all(file.get(), path);
    if (!text) {
        return text;
    }
    const Expected<Done, Refusal> sound = check_format(*text, path);
    if (!sound) {
        return Unexpected{sound.error()};
    }
    return text;
}

}  // namespace khu::agent
