#pragma once

/// \file
/// Reads one HTTP answer from a byte stream; Beast's parser does the work, without Asio's I/O. Own
/// pair of files because Beast takes seconds to compile.

#include <string>

#include "cli/transport.h"

namespace khu::cli {

struct HttpOutcome {
    HttpHead head;
    bool keep_alive{false};  ///< the stream may carry another exchange
    bool stopped{false};     ///< on_body said so
};

/// `answered` becomes true with the first byte received.
Expected<HttpOutcome, NetFault> read_answer(ByteStream& stream, Span idle, const OnBody& on_body,
                                            bool& answered);

}  // namespace khu::cli
