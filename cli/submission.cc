#include "cli/submission.h"

namespace khu::cli {

Expected<Received<wire::SubmitAnswer>, Failure> submit(Session& session,
                                                       const wire::SubmitRequest& request) {
    const std::string own = session.arguments.text("--idempotency-key");
    const std::string key = own.empty() ? new_idempotency_key() : own;
    Expected<Received<wire::SubmitAnswer>, Failure> made =
        session.post<wire::SubmitAnswer>("/v1/jobs", encode(request), key);
    if (!made && made.error().maybe_done) {
        made.error().remedy = session.say(Message::MaybeSubmitted, {key});
    }
    return made;
}

}  // namespace khu::cli
