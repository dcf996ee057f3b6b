#include "proxy/tls/tls_engine.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <cassert>
#include <utility>

#include "proxy/tls/memory_pipe.hpp"
#include "proxy/tls/openssl_ptr.hpp"

namespace sluice::tls {

using SslPtr = std::unique_ptr<SSL, OpenSslFree<SSL_free>>;

// On the heap, at a fixed address: OpenSSL points into it, and the engine moves.
struct TlsEngine::Connection {
  MemoryPipe incoming{backlog_max};
  MemoryPipe outgoing{pending_max};
  SslPtr ssl;
  State state = State::handshake;
  bool said_goodbye = false;
  std::string error;

  void handshake();
  TlsStatus fail(std::string_view what);
  TlsStatus judge(int result, std::string_view what);
  [[nodiscard]] TlsStatus ended() const { return state == State::failed ? TlsStatus::failed : TlsStatus::closed; }
};

namespace {

bool is_address(const std::string& name) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  return inet_pton(AF_INET, name.c_str(), address.data()) == 1 ||
         inet_pton(AF_INET6, name.c_str(), address.data()) == 1;
}

// Tells OpenSSL whose certificate is awaited. False: it refuses the name.
bool expect_server(SSL* ssl, const std::string& name, Verify verify) {
  const bool address = is_address(name);
  // SSL_set_tlsext_host_name, without its macro's C cast; OpenSSL copies the name.
  if (!name.empty() && !address &&
      SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(name.c_str())) != 1) {
    return false;
  }
  if (verify != Verify::chain_name) return true;
  if (name.empty()) return false;
  if (address) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str()) == 1;
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return SSL_set1_host(ssl, name.c_str()) == 1;
}

}  // namespace

TlsStatus TlsEngine::Connection::fail(std::string_view what) {
  state = State::failed;
  error = openssl_error(what);
  const long verdict = SSL_get_verify_result(ssl.get());
  if (verdict != X509_V_OK && SSL_get_verify_mode(ssl.get()) != SSL_VERIFY_NONE) {
    error.append(" (").append(X509_verify_cert_error_string(verdict)).append(")");
  }
  return TlsStatus::failed;
}

// What a call that did not succeed means: more ciphertext is needed, the peer closed, or the end.
TlsStatus TlsEngine::Connection::judge(int result, std::string_view what) {
  switch (SSL_get_error(ssl.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return TlsStatus::ok;
    case SSL_ERROR_ZERO_RETURN:
      state = State::closed;
      return TlsStatus::closed;
    default:
      return fail(what);
  }
}

void TlsEngine::Connection::handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl.get());
  if (result == 1) {
    state = State::open;
  } else {
    (void)judge(result, "TLS handshake");
  }
}

TlsEngine::TlsEngine(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
TlsEngine::TlsEngine(TlsEngine&&) noexcept = default;
TlsEngine& TlsEngine::operator=(TlsEngine&&) noexcept = default;
TlsEngine::~TlsEngine() = default;

Result<TlsEngine, std::string> TlsEngine::make(const TlsContext& context) {
  ERR_clear_error();
  auto connection = std::make_unique<Connection>();
  connection->ssl.reset(SSL_new(context.native()));
  if (connection->ssl == nullptr) return openssl_error("start TLS");
  BIO* in = new_pipe_bio(connection->incoming);
  BIO* out = new_pipe_bio(connection->outgoing);
  if (in == nullptr || out == nullptr) {
    BIO_free(in);
    BIO_free(out);
    return openssl_error("start TLS");
  }
  SSL_set_bio(connection->ssl.get(), in, out);  // it owns them from here
  return TlsEngine(std::move(connection));
}

Result<TlsEngine, std::string> TlsEngine::server(const TlsContext& context) {
  assert(context.is_server());
  auto engine = make(context);
  if (engine) SSL_set_accept_state(engine->connection_->ssl.get());
  return engine;
}

Result<TlsEngine, std::string> TlsEngine::client(const TlsContext& context, std::string_view server_name) {
  assert(!context.is_server());
  auto engine = make(context);
  if (!engine) return engine;
  SSL* ssl = engine->connection_->ssl.get();
  const std::string name(server_name);
  if (!expect_server(ssl, name, context.verify()))
    return openssl_error("no certificate can name the server '" + name + "'");
  SSL_set_connect_state(ssl);
  engine->connection_->handshake();
  if (engine->state() == State::failed) return engine->error();
  return engine;
}

TlsEngine::State TlsEngine::state() const { return connection_->state; }
const std::string& TlsEngine::error() const { return connection_->error; }

TlsStatus TlsEngine::receive(protocol::Bytes ciphertext) {
  Connection& connection = *connection_;
  if (connection.state == State::closed || connection.state == State::failed) return connection.ended();
  if (!connection.incoming.push(ciphertext)) return TlsStatus::full;
  if (connection.state == State::handshake) connection.handshake();
  return connection.state == State::handshake || connection.state == State::open ? TlsStatus::ok : connection.ended();
}

TlsEngine::Read TlsEngine::read(protocol::MutableBytes out) {
  Connection& connection = *connection_;
  Read read;
  if (connection.state == State::handshake) return read;
  if (connection.state != State::open) return {connection.ended(), 0};
  ERR_clear_error();
  while (read.bytes < out.size()) {
    std::size_t got = 0;
    const int result = SSL_read_ex(connection.ssl.get(), out.data() + read.bytes, out.size() - read.bytes, &got);
    if (result != 1) {
      const TlsStatus status = connection.judge(result, "TLS read");
      // The end is told by the next call: what came before it is delivered first.
      if (read.bytes == 0) read.status = status;
      break;
    }
    read.bytes += got;
  }
  return read;
}

TlsStatus TlsEngine::write(protocol::Bytes plaintext) {
  Connection& connection = *connection_;
  assert(plaintext.size() <= write_max && connection.state != State::handshake);
  if (connection.state != State::open) return connection.ended();
  if (plaintext.empty()) return TlsStatus::ok;
  // Room for the record and for what the protocol may owe the peer besides it.
  if (connection.outgoing.room() < 2 * write_max) return TlsStatus::full;
  ERR_clear_error();
  std::size_t written = 0;
  const int result = SSL_write_ex(connection.ssl.get(), plaintext.data(), plaintext.size(), &written);
  if (result != 1) return connection.fail("TLS write");
  assert(written == plaintext.size());  // without SSL_MODE_ENABLE_PARTIAL_WRITE it is all or nothing
  return TlsStatus::ok;
}

void TlsEngine::close() {
  Connection& connection = *connection_;
  if (connection.said_goodbye || connection.state == State::failed || connection.state == State::handshake) return;
  connection.said_goodbye = true;
  connection.state = State::closed;
  ERR_clear_error();
  (void)SSL_shutdown(connection.ssl.get());
  ERR_clear_error();
}

std::size_t TlsEngine::pending_ciphertext() const { return connection_->outgoing.size(); }
std::size_t TlsEngine::take_ciphertext(protocol::MutableBytes out) { return connection_->outgoing.pop(out); }

std::string_view TlsEngine::version() const {
  return connection_->state == State::handshake ? std::string_view() : SSL_get_version(connection_->ssl.get());
}

std::string_view TlsEngine::cipher() const {
  const char* name = SSL_get_cipher_name(connection_->ssl.get());
  return connection_->state == State::handshake || name == nullptr ? std::string_view() : name;
}

}  // namespace sluice::tls
