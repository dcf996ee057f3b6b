// One connection as sessions and backends see it: plain bytes in, plain bytes out, TLS in between if it was started.
// Without TLS the received slice is the one handed up, and the sent slice the one given: nothing is copied.
//
// Flow: `adopt` or `connect`; `start_tls` when the protocol says so; bytes arrive in `on_bytes`; `send` queues.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/io/loop.hpp"
#include "proxy/tls/tls_engine.hpp"

namespace sluice::proxy {

class ChannelHandler {
 public:
  virtual void on_connected(int error) = 0;  // only for `connect`; not 0: it failed and is closed already
  virtual void on_bytes(io::Slice bytes) = 0;
  // See io::StreamHandler::on_peer_ended. Under TLS a peer that ends is gone.
  virtual bool on_peer_ended() { return false; }
  virtual void on_gone(std::string_view why) = 0;  // closed already; nothing more is called
  virtual void on_drained() = 0;                   // see io::StreamHandler::on_drained

 protected:
  ~ChannelHandler() = default;
};

class Channel final : private io::StreamHandler, private io::TimerHandler {
 public:
  Channel(io::Loop& loop, ChannelHandler& handler) : loop_(loop), handler_(handler) {}
  ~Channel() {
    close();
    loop_.cancel_timer(failing_);
  }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  void adopt(int fd) { stream_ = loop_.adopt(fd, *this); }
  void connect(const io::Endpoint& endpoint) { stream_ = loop_.connect(endpoint, *this); }

  // From here on bytes are ciphertext. `already`: received bytes that belong to the handshake. False: TLS can't start.
  [[nodiscard]] bool start_tls_server(const tls::TlsContext& context, const io::Slice& already);
  [[nodiscard]] bool start_tls_client(const tls::TlsContext& context, std::string_view server_name);
  [[nodiscard]] bool tls() const { return engine_ != nullptr; }

  void send(io::Slice bytes);
  // Copies `bytes` into blocks of the loop and sends them.
  void send_copy(protocol::Bytes bytes);
  [[nodiscard]] bool above_high_water() const { return loop_.above_high_water(stream_); }
  [[nodiscard]] std::size_t queued_bytes() const { return loop_.queued_bytes(stream_); }

  void pause_receive();
  void resume_receive();
  [[nodiscard]] bool paused() const { return paused_; }

  [[nodiscard]] bool is_open() const { return stream_.valid(); }
  void close();
  void close_after_send();

 private:
  static constexpr std::uint32_t linger_ms = 2'000;  // what was said last may take this long to leave

  void on_connected(int error) override;
  void on_received(io::Slice slice) override;
  bool on_peer_ended() override { return engine_ == nullptr && handler_.on_peer_ended(); }
  void on_closed(int error) override;
  void on_drained() override { handler_.on_drained(); }

  void receive_ciphertext(protocol::Bytes ciphertext);
  void encrypt(protocol::Bytes plaintext);
  void flush_ciphertext();
  // Closes now and tells the handler in a turn of its own: a handler is never called from inside its own `send`.
  void fail(std::string_view why);
  void on_timer(io::TimerId timer) override;

  io::Loop& loop_;
  ChannelHandler& handler_;
  io::StreamId stream_;
  std::unique_ptr<tls::TlsEngine> engine_;
  std::unique_ptr<protocol::ByteBuffer> early_;  // plaintext to send once the handshake is done
  bool paused_ = false;
  io::TimerId failing_;
  std::string failure_;
};

}  // namespace sluice::proxy
