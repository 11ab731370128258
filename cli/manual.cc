#include "cli/manual.h"

#include "cli/messages.h"
#include "cli/option.h"

namespace khu::cli {
namespace {

constexpr std::string_view kBeginning = R"(.\" Made by: khu completion man
.TH KHU 1 "" "Khu" "User Commands"
.SH NAME
khu \- jobs, grants and reports of a zone's AI supercomputer
.SH SYNOPSIS
.B khu
.I COMMAND
.RI [ options ]
.RI [ operands ]
.SH DESCRIPTION
.B khu
asks the controller
.B khud
of a digital technology zone: it submits jobs, says why they wait and what they cost, and writes the
usage reports. Options may stand before or after the command. What follows
.B \-\-
is the command of the job and is not read.
.PP
A submission that meets a broken connection is sent again with the same idempotency key, so that it
never makes two jobs.
.PP
Every refusal has a code, such as A104, that is the same in every language; docs/refusals has a page
for each.
.SH COMMANDS
)";

constexpr std::string_view kEnd = R"(.SH EXIT STATUS
.TP
.B 0
done
.TP
.B 1
refused: the zone said no, with a code
.TP
.B 2
the command line is not understood
.TP
.B 3
khud cannot be reached
.TP
.B 4
internal: an answer that is not understood, a fault of the zone, a file that cannot be written
.PP
.BR "khu run" ", " "khu wait" " and " "khu submit \-\-wait"
give the exit code of the job. A job without one of its own gives 124 at its time limit, 130 if it
was cancelled, 137 out of memory, and 1 otherwise.
.SH ENVIRONMENT
.TP
.B KHU_ENDPOINT
where khud is: unix:/path or https://host:port
.TP
.BR KHU_TOKEN ", " KHU_TOKEN_FILE
the token, or a file that holds it and that others cannot read. On a Unix socket none is needed.
.TP
.B KHU_CA_FILE
the certificate of the zone's authority, in PEM
.TP
.B KHU_LANG
vi or en; otherwise the locale decides
.TP
.B KHU_RETRY_SECONDS
for how long a broken connection is tried again; 30 if not set
.SH FILES
.TP
.I ~/.config/khu/config.yaml
endpoint, token_file and ca_file, as
.B khu login
writes them
.TP
.I /run/khu/khud.sock
the endpoint if none is given
)";

/// Dashes stay dashes, and a line cannot begin a request.
std::string roff(std::string_view text) {
    std::string out;
    for (const char c : text) {
        out += c == '-' ? "\\-" : c == '\\' ? "\\e" : std::string(1, c);
    }
    return out.starts_with('.') || out.starts_with('\'') ? "\\&" + out : out;
}

std::string option_entry(const Option& option) {
    std::string out = ".TP\n\\fB";
    if (!short_name(option).empty()) {
        out += roff(short_name(option)) + "\\fR, \\fB";
    }
    out += roff(long_name(option)) + "\\fR";
    if (!option.value.empty()) {
        out += " \\fI" + roff(option.value) + "\\fR";
    }
    out += "\n" + roff(words(option.help, Language::English));
    if (!option.choices.empty()) {
        out += " (" + roff(option.choices) + ")";
    }
    return out + "\n";
}

}  // namespace

std::string manual_page() {
    std::string out(kBeginning);
    for (const Command* command : all_commands()) {
        out += ".SS \"khu " + roff(command->name);
        out += command->operands.empty() ? "" : " " + roff(command->operands);
        out += "\"\n" + roff(words(command->help, Language::English)) + "\n";
        for (const Option* option : options_of(*command)) {
            const bool every = long_name(*option) == "--help" || long_name(*option) == "--endpoint";
            if (!option->later && !every) {
                out += option_entry(*option);
            }
        }
    }
    return out + std::string(kEnd);
}

}  // namespace khu::cli
