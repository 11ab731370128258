#include "core/base/text.h"

#include <algorithm>

namespace khu {

Text::Text(std::string text) : block_(text.empty() ? nullptr : new Block{1, std::move(text)}) {}

const std::string& Text::none() {
    static const std::string empty;
    return empty;
}

void TextPool::share(Text& text) {
    if (text.empty()) {
        return;
    }
    const auto [known, fresh] = known_.insert(text);
    text = *known;
    if (fresh && known_.size() >= sweep_at_) {
        std::erase_if(known_, [](const Text& each) { return each.sole(); });
        sweep_at_ = std::max<std::size_t>(1024, known_.size() * 2);
    }
}

}  // namespace khu
