#pragma once

/// \file
/// Rules above the zone and of one enterprise, as the stored facts tell of them.
///
///     I-35 rules bind from their moment on and not before, and no job for which they are is taken
///          from then on that asks for more than they allow

#include <map>
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
    struct Brought {
        LayerRules rules;
        bool binds{false};
    };
    void look_at(const JobSpec& spec, JobId job);

    std::map<PolicyId, Brought> brought_;
    std::optional<std::string> broken_;
};

}  // namespace khu::sim
