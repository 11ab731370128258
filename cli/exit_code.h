#pragma once

/// \file
/// What `khu` tells the shell. `khu run`, `khu wait` and `khu submit --wait` give the job's own
/// exit code instead. The numbers are a contract (docs/guides/startup.md).

namespace khu::cli {

enum class ExitCode : int {
    Done = 0,
    Refused = 1,      ///< the zone said no, with a code
    Usage = 2,        ///< the command line is not understood
    Unreachable = 3,  ///< khud cannot be reached
    Internal = 4,     ///< an answer that is not understood, a file that cannot be written
};

}  // namespace khu::cli
