// Scripts come from users. Whatever bytes they hold, the header is read without harm, and what it
// gives is either accepted by the table of options or complained about.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "config/job_file.h"
#include "config/script_header.h"
#include "core/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const khu::config::JobClock clock{khu::Moment{1772413200000}, 420};
    const khu::config::ScriptHeader header = khu::config::read_script_header(text, "f", clock);
    khu::config::Submission submission;
    bool accepted = true;
    for (const khu::config::JobOption& option : header.options) {
        accepted = !khu::config::apply_option(option, clock, submission) && accepted;
    }
    accepted = !khu::config::finish(submission) && accepted;
    KHU_CHECK(accepted || !header.complaints.empty());
    const auto job = khu::config::read_job_file(text, "f", clock);
    KHU_CHECK(job || !job.error().empty());
    return 0;
}
