// One TLS connection without a socket: ciphertext goes in and out through memory, and the caller moves it. Never
// blocks, never throws, never calls back.
//
// Flow, for every connection:
//   auto engine = TlsEngine::server(context);            // or client(context, "db1.example"), which has bytes to send
//   on recv:  engine->receive(ciphertext);               // advances the handshake too
//             while (bytes from engine->read(block)) …;  // plaintext, if the handshake is done
//             drain();                                   // the handshake, alerts and tickets are bytes to send as well
//   to send:  engine->write(plaintext); drain();
//   drain():  while (engine->pending_ciphertext() > 0) send(block of engine->take_ciphertext(block));
//   to end:   engine->close(); drain(); close the socket once that is sent.
// After `failed`, drain once more (there may be an alert that tells the peer why), then close the socket.
//
// Memory: at most `backlog_max` of ciphertext unread and `pending_max` unsent, whatever the peer does; a few KiB when
// idle, since every buffer is given back when it is empty.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "protocol/bytes.hpp"
#include "protocol/result.hpp"
#include "proxy/tls/tls_context.hpp"

namespace sluice::tls {

enum class TlsStatus : std::uint8_t {
  ok,
  full,    // nothing was taken: read plaintext (after receive) or drain ciphertext (after write) first
  closed,  // the peer said goodbye, or we did
  failed,  // for good: `error()` says why
};

class TlsEngine {
 public:
  static constexpr std::size_t write_max = 16 * 1024;     // plaintext of one write: one TLS record
  static constexpr std::size_t backlog_max = 256 * 1024;  // ciphertext received, and not yet read as plaintext
  static constexpr std::size_t pending_max = 256 * 1024;  // ciphertext made, and not yet taken

  enum class State : std::uint8_t { handshake, open, closed, failed };

  [[nodiscard]] static Result<TlsEngine, std::string> server(const TlsContext& context);
  // `server_name`: host name or address that the certificate must name (Verify::chain_name), sent as SNI if it is a
  // name. May be empty unless the context verifies names.
  [[nodiscard]] static Result<TlsEngine, std::string> client(const TlsContext& context, std::string_view server_name);

  TlsEngine(TlsEngine&&) noexcept;
  TlsEngine& operator=(TlsEngine&&) noexcept;
  ~TlsEngine();

  [[nodiscard]] State state() const;
  [[nodiscard]] bool handshake_done() const { return state() == State::open; }

  // Takes all of `ciphertext`, or nothing of it (`full`). A caller that reads until nothing comes before it receives
  // again never meets `full`.
  [[nodiscard]] TlsStatus receive(protocol::Bytes ciphertext);

  struct Read {
    TlsStatus status = TlsStatus::ok;
    std::size_t bytes = 0;  // 0 with `ok`: more ciphertext is needed
  };
  // Fills `out` as far as what was received goes. What came before a `closed` or `failed` is delivered first.
  [[nodiscard]] Read read(protocol::MutableBytes out);

  // Encrypts all of `plaintext` (at most write_max), or nothing of it (`full`). Only when the handshake is done.
  [[nodiscard]] TlsStatus write(protocol::Bytes plaintext);

  // Says goodbye to the peer (once; no answer is awaited).
  void close();

  [[nodiscard]] std::size_t pending_ciphertext() const;
  // Moves pending ciphertext to `out`; returns how much.
  [[nodiscard]] std::size_t take_ciphertext(protocol::MutableBytes out);

  // Why the state is `failed`; else empty.
  [[nodiscard]] const std::string& error() const;
  // "TLSv1.3", "TLS_AES_256_GCM_SHA384": empty before the handshake is done.
  [[nodiscard]] std::string_view version() const;
  [[nodiscard]] std::string_view cipher() const;

 private:
  struct Connection;
  explicit TlsEngine(std::unique_ptr<Connection> connection);
  [[nodiscard]] static Result<TlsEngine, std::string> make(const TlsContext& context);

  std::unique_ptr<Connection> connection_;
};

}  // namespace sluice::tls
