#pragma once

/// \file
/// The text of a policy, or of rules above the zone, from the fact that brought it; and its
/// complaints as the API shows them.

#include <string>
#include <vector>

#include "core/machine/policy_forecast.h"
#include "core/policy/complaint.h"
#include "daemon/http/call.h"

namespace khu::daemon {

/// S602 if the fact brought no text.
Expected<std::string, Refusal> text_of(const Call& call, EventSeq seq);

std::vector<wire::ComplaintView> shown(const std::vector<Complaint>& complaints, Language language);

void add_said(const std::vector<Said>& notes, Language language, std::vector<std::string>& lines);

/// When it is to take effect: soon, if nothing else was asked for; whole seconds.
Moment from_when(const wire::PolicyRollback& request, Moment now);

/// Which values of the zone's text are held to the rules above it that bind at `at`.
std::vector<wire::HeldView> held_at(const std::vector<LayerRules>& above, const Policy& written,
                                    Moment at);

/// The file names every enterprise of the zone, so only those who read all of it may see it;
/// whoever may not has been refused.
bool reads_policies(const Call& call, const char* verb);

}  // namespace khu::daemon
