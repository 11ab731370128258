#pragma once

/// \file
/// A khud of the test's own: one thread that answers HTTP over a Unix socket in a directory of its
/// own with whatever the test says, and writes down what it was asked. It can also break the
/// connection at the worst moment.

#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace khu::cli::test {

struct FakeRequest {
    std::string method;
    std::string target;
    std::string headers;  ///< as they came, CRLF between them
    std::string body;

    /// The value of a header; "" if it is not there.
    [[nodiscard]] std::string header(const std::string& name) const;
};

/// The bytes of an answer; empty: hang up without one.
using Answer = std::function<std::string(const FakeRequest&)>;

std::string http(int status, const std::string& body, const std::string& type = "application/json");
/// problem+json of a refusal.
std::string problem(int status, const std::string& code, const std::string& title,
                    const std::string& data = "[]", const std::string& detail = "");

class FakeKhud {
public:
    explicit FakeKhud(Answer answer);
    ~FakeKhud();
    FakeKhud(const FakeKhud&) = delete;
    FakeKhud& operator=(const FakeKhud&) = delete;

    [[nodiscard]] std::string folder() const { return folder_; }
    [[nodiscard]] std::string endpoint() const { return "unix:" + folder_ + "/khud.sock"; }
    [[nodiscard]] std::vector<FakeRequest> requests() const;

private:
    void serve();
    void serve_one(int connection);

    Answer answer_;
    std::string folder_;
    int listener_{-1};
    mutable std::mutex mutex_;
    std::vector<FakeRequest> requests_;
    std::thread thread_;
};

}  // namespace khu::cli::test
