#include "proxy/channel.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <system_error>

namespace sluice::proxy {

namespace {

constexpr std::size_t early_max = 64 * 1024;  // our own first packets: far below this

std::string error_text(int error) {
  if (error == 0) return "closed by the peer";
  return std::error_code(error, std::generic_category()).message();
}

}  // namespace

bool Channel::start_tls_server(const tls::TlsContext& context, const io::Slice& already) {
  auto engine = tls::TlsEngine::server(context);
  if (!engine) return false;
  engine_ = std::make_unique<tls::TlsEngine>(std::move(*engine));
  if (!already.empty()) receive_ciphertext(already.bytes());
  return true;
}

bool Channel::start_tls_client(const tls::TlsContext& context, std::string_view server_name) {
  auto engine = tls::TlsEngine::client(context, server_name);
  if (!engine) return false;
  engine_ = std::make_unique<tls::TlsEngine>(std::move(*engine));
  flush_ciphertext();
  return true;
}

void Channel::send(io::Slice bytes) {
  if (!stream_.valid() || bytes.empty()) return;
  if (engine_ == nullptr) {
    loop_.send(stream_, std::move(bytes));
    return;
  }
  encrypt(bytes.bytes());
}

void Channel::send_copy(protocol::Bytes bytes) {
  if (engine_ != nullptr) {
    encrypt(bytes);
    return;
  }
  constexpr std::size_t piece_max = 8 * 1024;
  while (!bytes.empty() && stream_.valid()) {
    const std::size_t n = std::min(bytes.size(), piece_max);
    io::Slice slice = loop_.allocate(n);
    // Out of network memory: this connection is given up rather than cut short.
    if (slice.empty()) return fail("out of network buffers (limits.worker_memory_max)");
    std::memcpy(slice.data(), bytes.data(), n);
    loop_.send(stream_, std::move(slice));
    bytes = bytes.subspan(n);
  }
}

void Channel::encrypt(protocol::Bytes plaintext) {
  if (!engine_->handshake_done()) {
    if (early_ == nullptr) early_ = std::make_unique<protocol::ByteBuffer>();
    if (early_->size() + plaintext.size() <= early_max)
      early_->insert(early_->end(), plaintext.begin(), plaintext.end());
    return;
  }
  while (!plaintext.empty() && stream_.valid()) {
    const std::size_t n = std::min(plaintext.size(), tls::TlsEngine::write_max);
    if (engine_->write(plaintext.first(n)) != tls::TlsStatus::ok) return fail(engine_->error());
    plaintext = plaintext.subspan(n);
    flush_ciphertext();
  }
}

void Channel::flush_ciphertext() {
  constexpr std::size_t record_max = 16 * 1024;
  while (stream_.valid()) {
    const std::size_t pending = std::min(engine_->pending_ciphertext(), record_max);
    if (pending == 0) return;
    io::Slice slice = loop_.allocate(pending);
    if (slice.empty()) return fail("out of network buffers (limits.worker_memory_max)");
    const std::size_t taken = engine_->take_ciphertext({slice.data(), slice.size()});
    loop_.send(stream_, slice.split_front(taken));
  }
}

void Channel::receive_ciphertext(protocol::Bytes ciphertext) {
  const bool was_done = engine_->handshake_done();
  if (engine_->receive(ciphertext) == tls::TlsStatus::failed) {
    flush_ciphertext();
    return fail(engine_->error());
  }
  flush_ciphertext();
  if (!was_done && engine_->handshake_done() && early_ != nullptr) {
    const auto early = std::move(early_);
    encrypt(*early);
  }
  constexpr std::size_t plaintext_max = 16 * 1024;
  while (stream_.valid()) {
    io::Slice slice = loop_.allocate(plaintext_max);
    if (slice.empty()) return fail("out of network buffers (limits.worker_memory_max)");
    const auto read = engine_->read({slice.data(), slice.size()});
    if (read.bytes > 0) handler_.on_bytes(slice.split_front(read.bytes));
    if (!stream_.valid() || engine_ == nullptr) return;
    if (read.status == tls::TlsStatus::closed) return fail("closed by the peer");
    if (read.status == tls::TlsStatus::failed) {
      flush_ciphertext();
      return fail(engine_->error());
    }
    if (read.bytes == 0) return;
  }
}

void Channel::fail(std::string_view why) {
  if (!stream_.valid()) return;
  loop_.close_after_send(stream_, linger_ms);
  stream_ = {};
  failure_ = why;
  failing_ = loop_.start_timer(0, *this);
}

void Channel::on_timer(io::TimerId /*timer*/) {
  failing_ = {};
  handler_.on_gone(failure_);
}

void Channel::pause_receive() {
  if (paused_ || !stream_.valid()) return;
  paused_ = true;
  loop_.pause_receive(stream_);
}

void Channel::resume_receive() {
  if (!paused_ || !stream_.valid()) return;
  paused_ = false;
  loop_.resume_receive(stream_);
}

void Channel::close() {
  loop_.cancel_timer(failing_);
  failing_ = {};
  if (!stream_.valid()) return;
  loop_.close(stream_);
  stream_ = {};
}

void Channel::close_after_send() {
  if (!stream_.valid()) return;
  if (engine_ != nullptr && engine_->handshake_done()) {
    engine_->close();
    flush_ciphertext();
  }
  if (!stream_.valid()) return;
  loop_.close_after_send(stream_, linger_ms);
  stream_ = {};
}

void Channel::on_connected(int error) {
  if (error != 0) stream_ = {};
  handler_.on_connected(error);
}

void Channel::on_received(io::Slice slice) {
  if (engine_ != nullptr) {
    receive_ciphertext(slice.bytes());
  } else {
    handler_.on_bytes(std::move(slice));
  }
}

void Channel::on_closed(int error) {
  stream_ = {};
  handler_.on_gone(error_text(error));
}

}  // namespace sluice::proxy
