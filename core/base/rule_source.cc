#include "core/base/rule_source.h"

#include "core/base/check.h"
#include "core/base/enum_name.h"

namespace khu {

std::string word_of(Layer layer) {
    return enum_name(layer);
}

std::string word_of(Layer layer, Language language) {
    if (language == Language::English) {
        return word_of(layer);
    }
    switch (layer) {
        case Layer::National:
            return "quốc gia";
        case Layer::Province:
            return "tỉnh";
        case Layer::Zone:
            return "khu";
        case Layer::Enterprise:
            return "doanh nghiệp";
    }
    KHU_CHECK(false);
}

std::string show(const RuleSource& source, Language language) {
    const bool english = language == Language::English;
    std::string out = word_of(source.layer, language) + " " + source.policy;
    if (source.line > 0) {
        out += (english ? ", line " : ", dòng ") + std::to_string(source.line);
    }
    return out;
}

}  // namespace khu
