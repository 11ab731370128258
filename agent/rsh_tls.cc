#include "agent/rsh_tls.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "agent/process.h"

namespace khu::agent {
namespace {

using wire::net::bio_of;
using wire::net::CertPtr;
using wire::net::common_name;
using wire::net::openssl_error;
using wire::net::SslContextPtr;
using wire::net::SslPtr;

Unexpected<std::string> failed(std::string why) {
    return Unexpected{std::move(why)};
}

SslContextPtr new_context(const SSL_METHOD* method) {
    SslContextPtr context(SSL_CTX_new(method));
    if (context == nullptr || SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION) != 1) {
        return {};
    }
    SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                        SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                        SSL_MODE_RELEASE_BUFFERS);
    return context;
}

bool trust(SSL_CTX* context, const std::string& authority) {
    const auto bio = bio_of(authority);
    int count = 0;
    for (CertPtr one(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)); one != nullptr;
         one.reset(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr))) {
        X509_STORE_add_cert(SSL_CTX_get_cert_store(context), one.get());
        ++count;
    }
    ERR_clear_error();
    return count > 0;
}

/// A dead machine does not say goodbye: noticed after about a minute.
void keep_alive(int socket) {
    const auto set = [&](int level, int option, int value) {
        ::setsockopt(socket, level, option, &value, sizeof value);
    };
    set(SOL_SOCKET, SO_KEEPALIVE, 1);
    set(IPPROTO_TCP, TCP_KEEPIDLE, 30);
    set(IPPROTO_TCP, TCP_KEEPINTVL, 10);
    set(IPPROTO_TCP, TCP_KEEPCNT, 3);
    set(IPPROTO_TCP, TCP_NODELAY, 1);
}

bool wait_on(int fd, short events, std::int64_t until_ms) {
    for (;;) {
        const std::int64_t left = until_ms - boot_ms();
        pollfd polled{.fd = fd, .events = events, .revents = 0};
        const int ready = left > 0 ? ::poll(&polled, 1, static_cast<int>(left)) : 0;
        if (ready >= 0 || errno != EINTR) {
            return ready > 0;
        }
    }
}

Fd dial_one(const addrinfo& address, std::int64_t until_ms) {
    Fd socket{::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!socket) {
        return {};
    }
    int error = ::connect(socket.get(), address.ai_addr, address.ai_addrlen) == 0 ? 0 : errno;
    if (error == EINPROGRESS && wait_on(socket.get(), POLLOUT, until_ms)) {
        socklen_t size = sizeof error;
        ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    }
    if (error != 0) {
        errno = error == EINPROGRESS ? ETIMEDOUT : error;
        return {};
    }
    return socket;
}

Expected<Fd, std::string> dial(const std::string& address, int port, std::int64_t until_ms) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int error = ::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found);
    if (error != 0) {
        return failed(address + ": " + ::gai_strerror(error));
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
    std::string why = "no address";
    for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
        Fd socket = dial_one(*one, until_ms);
        if (socket) {
            return socket;
        }
        why = std::strerror(errno);
    }
    return failed(address + ":" + std::to_string(port) + ": " + why);
}

}  // namespace

SslContextPtr make_rsh_server_context(const std::string& certificate, const std::string& key) {
    SslContextPtr context = new_context(TLS_server_method());
    const CertPtr leaf = wire::net::read_certificate(certificate);
    const wire::net::KeyPtr secret = wire::net::read_key(key);
    if (context == nullptr || leaf == nullptr || secret == nullptr ||
        SSL_CTX_use_cert_and_key(context.get(), leaf.get(), secret.get(), nullptr, 1) != 1) {
        ERR_clear_error();
        return {};
    }
    SSL_CTX_set_num_tickets(context.get(), 0);  // Nobody comes twice.
    return context;
}

Expected<TlsStream, std::string> TlsStream::connect(const std::string& address, int port,
                                                    const std::string& authority,
                                                    const std::string& node, Span patience) {
    const std::int64_t until = boot_ms() + patience.value;
    const SslContextPtr context = new_context(TLS_client_method());
    if (context == nullptr || !trust(context.get(), authority)) {
        return failed("the zone's certificate cannot be read");
    }
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_purpose(context.get(), X509_PURPOSE_SSL_CLIENT);
    Expected<Fd, std::string> socket = dial(address, port, until);
    if (!socket) {
        return failed(socket.error());
    }
    keep_alive(socket->get());
    SslPtr ssl(SSL_new(context.get()));
    SSL_set_fd(ssl.get(), socket->get());
    TlsStream stream(std::move(*socket), std::move(ssl));
    int done = 0;
    do {
        done = SSL_connect(stream.ssl_.get());
    } while (done != 1 && stream.wait_for(done, until));
    if (done != 1) {
        return failed("TLS with " + address + ": " + openssl_error());
    }
    const CertPtr peer(SSL_get1_peer_certificate(stream.ssl_.get()));
    const std::string name = peer != nullptr ? common_name(peer.get()) : "";
    if (name != "node:" + node) {
        return failed(address + " is " + name + ", not node:" + node);
    }
    return stream;
}

Expected<TlsStream, std::string> TlsStream::accept(Fd socket, SSL_CTX* context, Span patience) {
    const std::int64_t until = boot_ms() + patience.value;
    ::fcntl(socket.get(), F_SETFL, O_NONBLOCK);
    keep_alive(socket.get());
    SslPtr ssl(SSL_new(context));
    SSL_set_fd(ssl.get(), socket.get());
    TlsStream stream(std::move(socket), std::move(ssl));
    int done = 0;
    do {
        done = SSL_accept(stream.ssl_.get());
    } while (done != 1 && stream.wait_for(done, until));
    if (done != 1) {
        return failed("TLS: " + openssl_error());
    }
    return stream;
}

/// After an operation that could not finish: true when it is time to try again.
bool TlsStream::wait_for(int result, std::int64_t until_ms) {
    const int error = SSL_get_error(ssl_.get(), result);
    if (error == SSL_ERROR_WANT_READ) {
        return wait_on(socket_.get(), POLLIN, until_ms);
    }
    return error == SSL_ERROR_WANT_WRITE && wait_on(socket_.get(), POLLOUT, until_ms);
}

bool TlsStream::write(std::string_view bytes, Span patience) {
    while (!bytes.empty()) {
        std::size_t written = 0;
        const int done = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &written);
        if (done == 1) {
            bytes.remove_prefix(written);
        } else if (!wait_for(done, boot_ms() + patience.value)) {
            ERR_clear_error();
            return false;
        }
    }
    return true;
}

TlsStream::Read TlsStream::read(std::string& into) {
    char bytes[16 << 10];
    std::size_t size = 0;
    bool some = false;
    for (;;) {
        const int done = SSL_read_ex(ssl_.get(), bytes, sizeof bytes, &size);
        if (done == 1) {
            into.append(bytes, size);
            some = true;
            if (into.size() > rsh_read_ahead) {
                return Read::Some;
            }
            continue;
        }
        const int error = SSL_get_error(ssl_.get(), done);
        ERR_clear_error();
        const bool later = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
        return some ? Read::Some : later ? Read::Nothing : Read::Ended;
    }
}

bool TlsStream::read_line(std::string& line, std::string& rest, std::size_t bytes_max,
                          Span patience) {
    const std::int64_t until = boot_ms() + patience.value;
    for (;;) {
        const std::size_t end = rest.find('\n');
        if (end != std::string::npos) {
            line = rest.substr(0, end);
            rest.erase(0, end + 1);
            return line.size() <= bytes_max;
        }
        if (rest.size() > bytes_max) {
            return false;
        }
        const Read got = read(rest);
        if (got == Read::Ended || (got == Read::Nothing && !wait_on(fd(), POLLIN, until))) {
            return false;
        }
    }
}

void TlsStream::close() {
    if (ssl_ != nullptr) {
        SSL_shutdown(ssl_.get());
        ERR_clear_error();
    }
    socket_.reset();
}

}  // namespace khu::agent
