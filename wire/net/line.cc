#include "wire/net/line.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstring>
#include <utility>

#include "wire/net/openssl_ptr.h"

namespace khu::wire::net {
namespace {

bool would_block() {
    return errno == EAGAIN || errno == EWOULDBLOCK;
}

ssize_t receive(int fd, char* data, std::size_t size) {
    ssize_t n = 0;
    do {
        n = ::recv(fd, data, size, 0);
    } while (n < 0 && errno == EINTR);
    return n;
}

ssize_t transmit(int fd, const char* data, std::size_t size) {
    ssize_t n = 0;
    do {
        n = ::send(fd, data, size, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n;
}

// OpenSSL's own socket BIO writes with write(2), which raises SIGPIPE; this one does not.

int fd_of(BIO* bio) {
    return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
}

int bio_result(BIO* bio, ssize_t n, int retry) {
    BIO_clear_retry_flags(bio);
    if (n < 0 && would_block()) {
        BIO_set_flags(bio, retry | BIO_FLAGS_SHOULD_RETRY);
    }
    return static_cast<int>(n);
}

int bio_read(BIO* bio, char* data, int size) {
    return bio_result(bio, receive(fd_of(bio), data, static_cast<std::size_t>(size)),
                      BIO_FLAGS_READ);
}

int bio_write(BIO* bio, const char* data, int size) {
    return bio_result(bio, transmit(fd_of(bio), data, static_cast<std::size_t>(size)),
                      BIO_FLAGS_WRITE);
}

long bio_control(BIO*, int command, long, void*) {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD* new_method() {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "khu socket");
    KHU_CHECK(made != nullptr);
    BIO_meth_set_read(made, bio_read);
    BIO_meth_set_write(made, bio_write);
    BIO_meth_set_ctrl(made, bio_control);
    return made;
}

BIO* new_bio(int fd) {
    static BIO_METHOD* const method = new_method();  // lives as long as the program
    BIO* bio = BIO_new(method);
    KHU_CHECK(bio != nullptr);
    BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(fd)));
    BIO_set_init(bio, 1);
    return bio;
}

int bounded(std::size_t size) {
    return static_cast<int>(std::min<std::size_t>(size, INT_MAX));
}

}  // namespace

Line::Line(int fd, std::shared_ptr<TlsContext> context, ssl_st* ssl, std::string host)
    : fd_(fd), context_(std::move(context)), ssl_(ssl), host_(std::move(host)) {
    if (ssl_ != nullptr) {
        BIO* bio = new_bio(fd);
        SSL_set_bio(ssl_, bio, bio);
    }
}

Line Line::tls_server(int fd, std::shared_ptr<TlsContext> context) {
    ssl_st* ssl = context->accept();
    return Line(fd, std::move(context), ssl, {});
}

Line Line::tls_client(int fd, std::shared_ptr<TlsContext> context, std::string host) {
    ssl_st* ssl = context->connect();
    return Line(fd, std::move(context), ssl, std::move(host));
}

Line::Line(Line&& other) noexcept
    : fd_(other.fd_),
      context_(std::move(other.context_)),
      ssl_(std::exchange(other.ssl_, nullptr)),
      host_(std::move(other.host_)),
      why_(std::move(other.why_)) {}

Line::~Line() {
    SSL_free(ssl_);
}

Io Line::handshake() {
    if (ssl_ == nullptr) {
        return Io::Done;
    }
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_);
    if (result != 1) {
        return outcome(result);
    }
    if (SSL_is_server(ssl_) == 0 && !is_for_host()) {
        why_ = fmt::format("its certificate is not for {}", host_);
        return Io::Failed;
    }
    return Io::Done;
}

IoResult Line::read(char* data, std::size_t size) {
    if (ssl_ == nullptr) {
        const ssize_t n = receive(fd_, data, size);
        if (n > 0) {
            return {Io::Done, static_cast<std::size_t>(n)};
        }
        return {n == 0 ? Io::Closed : would_block() ? Io::WantRead : system_outcome()};
    }
    ERR_clear_error();
    const int n = SSL_read(ssl_, data, bounded(size));
    return n > 0 ? IoResult{Io::Done, static_cast<std::size_t>(n)} : IoResult{outcome(n)};
}

IoResult Line::write(const char* data, std::size_t size) {
    if (ssl_ == nullptr) {
        const ssize_t n = transmit(fd_, data, size);
        if (n >= 0) {
            return {Io::Done, static_cast<std::size_t>(n)};
        }
        return {would_block() ? Io::WantWrite : system_outcome()};
    }
    ERR_clear_error();
    const int n = SSL_write(ssl_, data, bounded(size));
    return n > 0 ? IoResult{Io::Done, static_cast<std::size_t>(n)} : IoResult{outcome(n)};
}

void Line::finish() {
    if (ssl_ != nullptr && SSL_is_init_finished(ssl_) == 1) {
        ERR_clear_error();
        SSL_shutdown(ssl_);
        ERR_clear_error();
    }
    ::shutdown(fd_, SHUT_WR);
}

std::string Line::peer_subject() const {
    X509* certificate = ssl_ == nullptr ? nullptr : SSL_get0_peer_certificate(ssl_);
    return certificate == nullptr ? std::string{} : common_name(certificate);
}

bool Line::resumed() const {
    return ssl_ != nullptr && SSL_session_reused(ssl_) == 1;
}

Io Line::outcome(int result) {
    const int error = SSL_get_error(ssl_, result);
    if (error == SSL_ERROR_WANT_READ) {
        return Io::WantRead;
    }
    if (error == SSL_ERROR_WANT_WRITE) {
        return Io::WantWrite;
    }
    if (error == SSL_ERROR_ZERO_RETURN) {
        return Io::Closed;
    }
    if (error == SSL_ERROR_SYSCALL) {
        return system_outcome();
    }
    const unsigned long code = ERR_peek_error();
    if (ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        ERR_clear_error();
        return Io::Closed;
    }
    const long verified = SSL_get_verify_result(ssl_);
    const bool about_certificate = ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED;
    why_ = openssl_error();
    if (about_certificate) {
        why_ = X509_verify_cert_error_string(verified);
    }
    return Io::Failed;
}

Io Line::system_outcome() {
    ERR_clear_error();
    if (errno == 0 || errno == ECONNRESET || errno == EPIPE) {
        return Io::Closed;
    }
    why_ = std::strerror(errno);
    return Io::Failed;
}

bool Line::is_for_host() {
    X509* certificate = SSL_get0_peer_certificate(ssl_);
    if (certificate == nullptr) {
        return false;
    }
    const std::string ours(kServerName);
    return X509_check_host(certificate, ours.c_str(), ours.size(), 0, nullptr) == 1 ||
           X509_check_host(certificate, host_.c_str(), host_.size(), 0, nullptr) == 1 ||
           X509_check_ip_asc(certificate, host_.c_str(), 0) == 1;
}

}  // namespace khu::wire::net
