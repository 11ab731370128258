#pragma once

/// \file
/// The files of the dashboard, compiled in (web/). They are the same for everybody and hold nothing
/// of the zone; what they show comes through the API with the reader's own token.

#include <string_view>

namespace khu::daemon {

extern const std::string_view page_index_html;
extern const std::string_view page_dashboard_js;
extern const std::string_view page_dashboard_css;

}  // namespace khu::daemon
