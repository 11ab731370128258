#pragma once

/// \file
/// What must be there before an attempt's first process: the user's part of the spool directory
/// with the planned files, private directories, the working directory and the output files. All of
/// it is made and opened with the user's rights; nothing is ever chowned.

#include <string>
#include <vector>

#include "agent/fd.h"
#include "agent/shepherd_order.h"

namespace khu::agent {

/// Why an attempt cannot start: a name of codes.def, what it is about, and the words for errno.
struct StartFault {
    std::string name, path, why;
    [[nodiscard]] bool any() const { return !name.empty(); }
};

struct TaskOutput {
    Fd out;    ///< empty: captured
    Fd error;  ///< empty: the same as out
};

struct Prepared {
    Fd job_dir, work_dir;
    std::vector<TaskOutput> outputs;  ///< one for each task of the order
    StartFault fault;
};

/// `spool_dir`: the attempt's directory, in which everybody may create at this moment, and which
/// nobody else can reach, because it lies below SPOOL/new.
Prepared prepare_attempt(const ShepherdOrder& order, int spool_dir);

/// Writes the announcement of a stop into job/, whole or not at all.
void write_stop_file(const ShepherdOrder& order, int job_dir, const std::string& reason,
                     std::int64_t deadline_unix_ms);

/// Takes back what prepare_attempt made for the user, with the user's rights.
void clear_attempt(const ShepherdOrder& order, int spool_dir);

/// Removes `name` below the open directory `dir` and everything in it, following no link.
/// False if something could not be removed.
bool remove_tree(int dir, const std::string& name);

}  // namespace khu::agent
