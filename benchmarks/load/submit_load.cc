/// \file
/// Sends one request again and again over several keep-alive connections and times the answers: job
/// submissions (POST /v1/jobs, each with its own Idempotency-Key), or reads with --get.
///
///     submit_load --endpoint unix:/run/khud.sock --body job.json --count 20000 --connections 4
///
/// Each connection has one request under way at a time, as a user's program has. Prints one JSON
/// object; with --acknowledged FILE each job's number is appended to FILE as soon as it is
/// answered, which is what crash tests compare with what the zone knows afterwards. Ends when the
/// count is answered, the seconds are over, or the server goes away (that is no error here;
/// "broken" counts it).

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "benchmarks/load/http_connection.h"

namespace {

using khu::bench::Endpoint;
using khu::bench::HttpConnection;
using khu::bench::Response;
using Clock = std::chrono::steady_clock;

struct Options {
    std::string endpoint, body_file, bodies_file, get, acknowledged_file;
    std::vector<std::string> token_files;
    std::int64_t count{1000};
    int connections{1};
    double seconds{600};
};

struct Session {
    HttpConnection connection;
    Clock::time_point sent_at;
};

std::string read_file(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    std::string content = text.str();
    while (!content.empty() && content.back() == '\n') {
        content.pop_back();
    }
    return content;
}

double seconds_since(Clock::time_point then) {
    return std::chrono::duration<double>(Clock::now() - then).count();
}

/// The end of a request, from behind its key.
std::string with_head(const std::string& body) {
    const std::string length = std::to_string(body.size());
    return (body.empty()
                ? "\r\n"
                : "\r\nContent-Type: application/json\r\nContent-Length: " + length + "\r\n") +
           "\r\n" + body;
}

class Load {
public:
    explicit Load(Options options)
        : options_(std::move(options)), began_(Clock::now()), poll_(::epoll_create1(0)) {
        prepare_request();
        if (!options_.acknowledged_file.empty()) {
            acknowledged_ = ::open(options_.acknowledged_file.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        }
    }

    void run(const Endpoint& endpoint) {
        for (int i = 0; i < options_.connections; ++i) {
            sessions_.push_back({.connection = HttpConnection{endpoint}, .sent_at = {}});
        }
        began_ = Clock::now();
        for (std::size_t i = 0; i < sessions_.size(); ++i) {
            watch(i);
            send_next(i);
        }
        while (under_way_ > 0 && seconds_since(began_) < options_.seconds) {
            answer_some();
        }
        seconds_ = seconds_since(began_);
    }

    /// True if everything asked for was answered well.
    bool report() {
        std::sort(latencies_.begin(), latencies_.end());
        const auto at = [this](double share) {
            const auto index =
                static_cast<std::size_t>(share * static_cast<double>(latencies_.size()));
            return latencies_.empty() ? 0.0
                                      : latencies_[std::min(index, latencies_.size() - 1)] * 1e3;
        };
        std::printf(
            "{\"answered\":%zu,\"failed\":%lld,\"broken\":%lld,\"connections\":%d,"
            "\"seconds\":%.3f,\"per_s\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"status\":{",
            latencies_.size(), static_cast<long long>(failed_), static_cast<long long>(broken_),
            options_.connections, seconds_, static_cast<double>(latencies_.size()) / seconds_,
            at(0.5), at(0.99));
        const char* comma = "";
        for (const auto& [status, count] : statuses_) {
            std::printf("%s\"%d\":%lld", comma, status, static_cast<long long>(count));
            comma = ",";
        }
        std::printf("}}\n");
        if (!first_failure_.empty()) {
            std::fprintf(stderr, "submit_load: first failure: %s\n", first_failure_.c_str());
        }
        return failed_ == 0 && broken_ == 0;
    }

private:
    void prepare_request() {
        const std::string line =
            options_.get.empty() ? "POST /v1/jobs HTTP/1.1" : "GET " + options_.get + " HTTP/1.1";
        for (const std::string& file : options_.token_files) {
            before_key_.push_back(line + "\r\nHost: zone\r\nAuthorization: Bearer " +
                                  read_file(file) + "\r\n");
        }
        if (before_key_.empty()) {
            before_key_.push_back(line + "\r\nHost: zone\r\n");
        }
        if (!options_.bodies_file.empty()) {
            std::istringstream lines(read_file(options_.bodies_file));
            for (std::string body; std::getline(lines, body);) {
                after_key_.push_back(with_head(body));
            }
        } else {
            after_key_.push_back(
                with_head(options_.get.empty() ? read_file(options_.body_file) : ""));
        }
        key_ = std::to_string(::getpid()) + "-" +
               std::to_string(Clock::now().time_since_epoch().count()) + "-";
    }

    void watch(std::size_t index) {
        epoll_event event{.events = EPOLLIN, .data = {.u64 = index}};
        ::epoll_ctl(poll_, EPOLL_CTL_ADD, sessions_[index].connection.descriptor(), &event);
    }

    void send_next(std::size_t index) {
        if (sent_ == options_.count) {
            return;
        }
        Session& session = sessions_[index];
        session.sent_at = Clock::now();
        const auto turn = static_cast<std::size_t>(sent_);
        const std::string& before = before_key_[turn % before_key_.size()];
        const std::string request = before + "Idempotency-Key: " + key_ + std::to_string(++sent_) +
                                    after_key_[turn % after_key_.size()];
        if (session.connection.send(request)) {
            ++under_way_;
        } else {
            ++broken_;
        }
    }

    void answer_some() {
        epoll_event events[64];
        const int ready = ::epoll_wait(poll_, events, 64, 100);
        for (int i = 0; i < ready; ++i) {
            const auto index = static_cast<std::size_t>(events[i].data.u64);
            Session& session = sessions_[index];
            if (!session.connection.receive()) {
                ::epoll_ctl(poll_, EPOLL_CTL_DEL, session.connection.descriptor(), nullptr);
                ++broken_;
                --under_way_;
                continue;
            }
            while (const std::optional<Response> response = session.connection.next_response()) {
                --under_way_;
                take(*response, seconds_since(session.sent_at));
                send_next(index);
            }
        }
    }

    void take(const Response& response, double latency) {
        ++statuses_[response.status];
        if (response.status >= 300) {
            ++failed_;
            if (first_failure_.empty()) {
                first_failure_ = response.body;
            }
            return;
        }
        latencies_.push_back(latency);
        if (acknowledged_ >= 0) {
            acknowledge(response.body);
        }
    }

    /// Writes the number behind "job": as a line of its own, with one write, so that it survives
    /// us.
    void acknowledge(const std::string& body) const {
        const std::size_t key = body.find("\"job\":");
        const std::size_t first = body.find_first_of("0123456789", key);
        const std::size_t last = body.find_first_not_of("0123456789", first);
        if (key == std::string::npos || first == std::string::npos) {
            return;
        }
        const std::string line = body.substr(first, last - first) + "\n";
        if (::write(acknowledged_, line.data(), line.size()) < 0) {
            std::perror("submit_load: acknowledged");
        }
    }

    Options options_;
    Clock::time_point began_;
    int poll_{-1};
    int acknowledged_{-1};
    std::vector<std::string> before_key_;  ///< one for each token
    std::vector<std::string> after_key_;   ///< one for each body
    std::string key_, first_failure_;
    std::vector<Session> sessions_;
    std::vector<double> latencies_;
    std::map<int, std::int64_t> statuses_;
    std::int64_t sent_{0}, under_way_{0}, failed_{0}, broken_{0};
    double seconds_{0};
};

}  // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app{"Load on a zone's API over keep-alive connections"};
    app.add_option("--endpoint", options.endpoint, "unix:PATH or https://HOST:PORT")->required();
    app.add_option("--token-file", options.token_files,
                   "bearer tokens, taken in turn: one user has a rate; none on the Unix socket");
    app.add_option("--body", options.body_file, "file with the JSON of the submission");
    app.add_option("--bodies", options.bodies_file, "file with the JSON of one submission a line");
    app.add_option("--get", options.get, "read this path instead of submitting");
    app.add_option("--count", options.count, "requests in all");
    app.add_option("--connections", options.connections, "how many at a time")
        ->check(CLI::Range(1, 1000));
    app.add_option("--seconds", options.seconds, "stop after so long");
    app.add_option("--acknowledged", options.acknowledged_file, "append answered job numbers");
    CLI11_PARSE(app, argc, argv);

    const std::optional<Endpoint> endpoint = khu::bench::read_endpoint(options.endpoint);
    if (!endpoint) {
        std::fprintf(stderr, "submit_load: --endpoint is unix:PATH or https://HOST:PORT\n");
        return 2;
    }
    Load load{std::move(options)};
    load.run(*endpoint);
    return load.report() ? 0 : 1;
}
