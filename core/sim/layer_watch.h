#pragma once

/// \file
/// Rules above the zone, as the stored facts tell of them.
///
///     I-35 rules bind from their moment on and not before, and no job is taken from then on that
///          asks for more than they allow

#include <optional>
#include <string>

#include "core/machine/machine.h"

namespace khu::sim {

class LayerWatch {
public:
    void learn(const Stamped& stamped);
    /// What broke, once; none if nothing did. `calm_since`: khud has been there since.
    std::optional<std::string> broken(Moment now, Moment calm_since) const;

private:
    std::optional<LayerRules> brought_;
    bool binds_{false};
    std::optional<std::string> broken_;
};

}  // namespace khu::sim
