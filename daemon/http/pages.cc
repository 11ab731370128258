/// The dashboard.

#include "daemon/http/pages.h"

#include "daemon/http/call.h"

namespace khu::daemon {
namespace {

void send_page(const Call& call, std::string_view text, const char* type) {
    wire::net::Response response;
    response.content_type = std::string(type) + "; charset=utf-8";
    response.body = text;
    // Nothing from elsewhere, and nobody else's frame: the page holds a token.
    response.headers = {{"Content-Security-Policy",
                         "default-src 'none'; script-src 'self'; style-src 'self'; "
                         "connect-src 'self'; form-action 'none'; frame-ancestors 'none'; "
                         "base-uri 'none'"},
                        {"X-Content-Type-Options", "nosniff"},
                        {"Referrer-Policy", "no-referrer"}};
    call->responder.send(conditional(call->request, std::move(response)));
}

}  // namespace

void show_dashboard(const Call& call) {
    send_page(call, page_index_html, "text/html");
}

void dashboard_script(const Call& call) {
    send_page(call, page_dashboard_js, "text/javascript");
}

void dashboard_style(const Call& call) {
    send_page(call, page_dashboard_css, "text/css");
}

}  // namespace khu::daemon
