#include "proxy/io/loop_core.hpp"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

#include "proxy/io/sockets.hpp"

namespace sluice::io {
namespace {

constexpr std::uint64_t ns_per_ms = 1'000'000;
constexpr std::uint64_t accept_pause_ms = 100;
constexpr std::size_t idle_memory_max = 8U << 20;

// What accept(2) tells of a single connection that went away, or of nothing at all: no reason to pause.
bool is_transient(int error) {
  switch (error) {
    case EAGAIN:
    case EINTR:
    case ECANCELED:
    case ECONNABORTED:
    case ENETDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH:
      return true;
    default:
      return false;
  }
}

}  // namespace

LoopCore::LoopCore(const LoopOptions& options, std::string reason)
    : options_(options),
      reason_(std::move(reason)),
      pool_(BlockPool::create({options.block_size, options.memory_max, std::min(idle_memory_max, options.memory_max)})),
      wake_fd_(::eventfd(0, EFD_CLOEXEC)) {
  refresh_clock();
}

LoopCore::~LoopCore() {
  for (std::uint32_t slot = 0; slot < streams_.size(); ++slot) {
    if (streams_.at(slot).fd >= 0) ::close(streams_.at(slot).fd);
  }
  for (const auto& listener : listeners_) {
    if (listener->fd >= 0) ::close(listener->fd);
  }
  if (wake_fd_ >= 0) ::close(wake_fd_);
}

// ---- the turn ----

void LoopCore::run() {
  if (!begin_run()) return;
  running_ = true;
  refresh_clock();
  while (!stopped_) {
    flush();
    wait(sleep_ns());
    deliver_deferred();
    expire_timers();
  }
  flush();
  end_run();
  running_ = false;
  stopped_ = false;
}

std::int64_t LoopCore::sleep_ns() const {
  if (!deferred_.empty() || !touched_.empty() || has_work()) return 0;
  const std::uint64_t deadline_ms = timers_.next_deadline();
  if (deadline_ms == TimerQueue::never) return forever;
  const std::uint64_t deadline_ns = deadline_ms * ns_per_ms;
  return deadline_ns > now_ns_ ? static_cast<std::int64_t>(deadline_ns - now_ns_) : 0;
}

void LoopCore::refresh_clock() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  now_ns_ = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
  now_ms_ = now_ns_ / ns_per_ms;
}

void LoopCore::deliver_deferred() {
  if (deferred_.empty()) return;
  delivering_.swap(deferred_);
  for (const Deferred& event : delivering_) {
    Stream* stream = streams_.find(event.stream);
    if (stream == nullptr || stream->state == Stream::State::closing) continue;
    switch (event.kind) {
      case Deferred::Kind::connected:
        connected(*stream, event.error);
        break;
      case Deferred::Kind::finished:
        finish(*stream, event.error);
        break;
      case Deferred::Kind::drained:
        if (stream->state == Stream::State::open) stream->handler->on_drained();
        break;
    }
  }
  delivering_.clear();
}

void LoopCore::expire_timers() {
  if (timers_.next_deadline() > now_ms_) return;
  timers_.begin_expiry();
  while (const auto due = timers_.pop_due(now_ms_)) {
    if (due->handler != nullptr) {
      due->handler->on_timer(due->id);
    } else {
      expire_own(due->context);
    }
  }
}

void LoopCore::expire_own(std::uint64_t context) {
  const Token token = Token::unpack(context);
  if (static_cast<Due>(token.kind) == Due::linger) {
    Stream* stream = streams_.find({token.slot, token.generation});
    if (stream == nullptr) return;
    stream->linger_timer = {};
    start_closing(*stream);
    return;
  }
  Listener& listener = *listeners_[token.slot];
  if (listener.generation != token.generation) return;
  listener.retry_timer = {};
  listeners_touched_ = true;
}

// ---- streams: what the owner asks for ----

Stream* LoopCore::find_live(StreamId id) const {
  Stream* stream = streams_.find(id);
  return stream != nullptr && stream->is_live() ? stream : nullptr;
}

void LoopCore::touch(Stream& stream) {
  if (stream.touched) return;
  stream.touched = true;
  touched_.push_back(stream.slot);
}

StreamId LoopCore::open_stream(int fd, StreamHandler& handler, Stream::State state) {
  Stream* stream = streams_.acquire();
  if (stream == nullptr) {
    if (fd >= 0) ::close(fd);
    return {};
  }
  stream->fd = fd;
  stream->handler = &handler;
  stream->state = state;
  touch(*stream);
  return stream->id();
}

StreamId LoopCore::adopt(int fd, StreamHandler& handler) {
  tune_stream_socket(fd);
  const StreamId id = open_stream(fd, handler, Stream::State::open);
  if (!id.valid()) return id;
  const int error = watch(streams_.at(id.slot));
  if (error != 0) deferred_.push_back({Deferred::Kind::finished, id, error});
  return id;
}

StreamId LoopCore::connect(const Endpoint& endpoint, StreamHandler& handler) {
  ConnectStart start = start_connect(endpoint);
  if (start.error != 0 && start.error != EINPROGRESS && start.fd >= 0) {
    ::close(start.fd);
    start.fd = -1;
  }
  const StreamId id = open_stream(start.fd, handler, Stream::State::connecting);
  if (!id.valid()) return id;
  int error = start.error;
  if (start.fd >= 0) {
    const int watch_error = watch(streams_.at(id.slot));
    if (watch_error != 0) error = watch_error;
  }
  if (error != EINPROGRESS) deferred_.push_back({Deferred::Kind::connected, id, error});
  return id;
}

void LoopCore::send(StreamId id, Slice slice) {
  Stream* stream = find_live(id);
  if (stream == nullptr || stream->send_error != 0) return;
  stream->queue.push(std::move(slice));
  if (stream->queue.bytes() > options_.send_high_water) stream->above_high_water = true;
  touch(*stream);
}

std::size_t LoopCore::queued_bytes(StreamId id) const {
  const Stream* stream = find_live(id);
  return stream == nullptr ? 0 : stream->queue.bytes();
}

bool LoopCore::above_high_water(StreamId id) const { return queued_bytes(id) > options_.send_high_water; }

void LoopCore::pause_receive(StreamId id) {
  Stream* stream = find_live(id);
  if (stream == nullptr || stream->paused) return;
  stream->paused = true;
  touch(*stream);
}

void LoopCore::resume_receive(StreamId id) {
  Stream* stream = find_live(id);
  if (stream == nullptr || !stream->paused) return;
  stream->paused = false;
  touch(*stream);
}

void LoopCore::close(StreamId id) {
  Stream* stream = streams_.find(id);
  if (stream != nullptr && stream->state != Stream::State::closing) start_closing(*stream);
}

void LoopCore::close_after_send(StreamId id, std::uint32_t linger_ms) {
  Stream* stream = find_live(id);
  if (stream == nullptr) return;
  // A connection that failed to write, or that isn't open yet with nothing to send, has nothing to wait for.
  if (stream->send_error != 0 || (stream->state == Stream::State::connecting && stream->queue.empty())) {
    start_closing(*stream);
    return;
  }
  if (!running_) refresh_clock();
  const Token token{static_cast<std::uint8_t>(Due::linger), stream->slot, stream->generation};
  stream->linger_timer = timers_.start(now_ms_ + linger_ms, nullptr, token.pack());
  stream->handler = nullptr;
  // A connection in progress stays so: `connected` turns it to lingering.
  if (stream->state == Stream::State::open) stream->state = Stream::State::lingering;
  touch(*stream);
}

void LoopCore::shut_if_sent(Stream& stream) {
  if (stream.state != Stream::State::lingering || !stream.queue.empty() || stream.shut_down) return;
  if (stream.peer_ended) {
    start_closing(stream);
    return;
  }
  ::shutdown(stream.fd, SHUT_WR);
  stream.shut_down = true;
}

void LoopCore::close_all() {
  wake_handler_ = nullptr;
  for (std::uint32_t slot = 0; slot < streams_.size(); ++slot) {
    if (streams_.at(slot).state != Stream::State::free) start_closing(streams_.at(slot));
  }
  for (const auto& listener : listeners_) listener->handler = nullptr;
  listeners_touched_ = true;
}

bool LoopCore::all_released() const {
  return streams_.in_use() == 0 && std::ranges::all_of(listeners_, [](const auto& entry) { return entry->is_free(); });
}

void LoopCore::start_closing(Stream& stream) {
  stream.state = Stream::State::closing;
  stream.handler = nullptr;
  stream.queue.truncate(stream.sending);
  timers_.cancel(stream.linger_timer);
  stream.linger_timer = {};
  touch(stream);
}

// ---- streams: what happened ----

void LoopCore::deliver(Stream& stream, Slice slice) {
  if (stream.state == Stream::State::open) stream.handler->on_received(std::move(slice));
}

void LoopCore::connected(Stream& stream, int error) {
  if (stream.state != Stream::State::connecting) return;
  StreamHandler* handler = stream.handler;
  if (error != 0) {
    start_closing(stream);
  } else {
    stream.state = handler != nullptr ? Stream::State::open : Stream::State::lingering;
    stream.writable = true;
    touch(stream);
  }
  if (handler != nullptr) handler->on_connected(error);
}

void LoopCore::finish(Stream& stream, int error) {
  if (stream.state == Stream::State::connecting) {
    connected(stream, error != 0 ? error : ECONNRESET);
    return;
  }
  // A peer that only shut its own side still reads what close_after_send promised.
  if (stream.state == Stream::State::lingering && error == 0 && !stream.queue.empty()) {
    stream.peer_ended = true;
    stream.readable = false;
    return;
  }
  if (stream.state == Stream::State::open && error == 0 && stream.send_error == 0 && !hung_up(stream.fd)) {
    stream.peer_ended = true;
    stream.readable = false;
    if (stream.handler->on_peer_ended() || stream.state != Stream::State::open) return;
  }
  StreamHandler* handler = stream.state == Stream::State::open ? stream.handler : nullptr;
  const int reported = stream.send_error != 0 ? stream.send_error : error;
  start_closing(stream);
  if (handler != nullptr) handler->on_closed(reported);
}

void LoopCore::sent(Stream& stream, std::size_t bytes) {
  stream.queue.consume(bytes);
  if (stream.above_high_water && stream.queue.bytes() <= options_.send_low_water) {
    stream.above_high_water = false;
    if (stream.state == Stream::State::open) deferred_.push_back({Deferred::Kind::drained, stream.id(), 0});
  }
}

void LoopCore::send_failed(Stream& stream, int error) {
  if (stream.state == Stream::State::closing) return;
  const bool peer_gone = error == EPIPE || error == ECONNRESET;
  // A server that refuses says why, closes, and resets what we still wrote: its words are read before its end is
  // reported. Shutting down makes sure that the end comes.
  if (peer_gone && stream.state == Stream::State::open && !stream.paused && !stream.peer_ended) {
    stream.send_error = error;
    stream.queue.truncate(0);
    stream.hangup = true;
    stream.readable = true;
    ::shutdown(stream.fd, SHUT_RDWR);
    touch(stream);
    return;
  }
  deferred_.push_back({Deferred::Kind::finished, stream.id(), error});
}

Slice LoopCore::slice_received(Block* block, std::size_t size, bool& block_taken) {
  Block* small = size <= BlockPool::small_capacity ? pool_->take_small() : nullptr;
  block_taken = small == nullptr;
  if (small == nullptr) return {block, 0, static_cast<std::uint32_t>(size)};
  std::memcpy(small->data(), block->data(), size);
  return {small, 0, static_cast<std::uint32_t>(size)};
}

// ---- listeners ----

ListenerId LoopCore::listen(int fd, AcceptHandler& handler) {
  const auto free = std::ranges::find_if(listeners_, [](const auto& listener) { return listener->is_free(); });
  const auto slot = static_cast<std::uint32_t>(free - listeners_.begin());
  if (free == listeners_.end()) listeners_.push_back(std::make_unique<Listener>());
  Listener& listener = *listeners_[slot];
  listener.slot = slot;
  listener.fd = fd;
  listener.handler = &handler;
  listeners_touched_ = true;
  return {slot, listener.generation};
}

void LoopCore::close_listener(ListenerId id) {
  if (id.slot >= listeners_.size()) return;
  Listener& listener = *listeners_[id.slot];
  if (listener.generation != id.generation || listener.handler == nullptr) return;
  listener.handler = nullptr;
  timers_.cancel(listener.retry_timer);
  listener.retry_timer = {};
  listeners_touched_ = true;
}

void LoopCore::accepted(Listener& listener, int fd) {
  if (listener.handler == nullptr) {
    ::close(fd);
    return;
  }
  listener.handler->on_accepted(fd);
}

void LoopCore::accept_failed(Listener& listener, int error) {
  listeners_touched_ = true;
  if (listener.handler == nullptr || is_transient(error)) return;
  // Out of descriptors or memory: asking again at once would spin.
  const Token token{static_cast<std::uint8_t>(Due::accept_retry), listener.slot, listener.generation};
  listener.retry_timer = timers_.start(now_ms_ + accept_pause_ms, nullptr, token.pack());
  listener.handler->on_accept_failed(error);
}

// ---- timers and wake ----

TimerId LoopCore::start_timer(std::uint64_t delay_ms, TimerHandler& handler) {
  if (!running_) refresh_clock();
  return timers_.start(now_ms_ + delay_ms, &handler);
}

void LoopCore::wake() {
  // Many wakes before the loop sees one cost one write. The exchange publishes what was written before it.
  if (wake_pending_.exchange(true, std::memory_order_acq_rel)) return;
  const std::uint64_t one = 1;
  while (::write(wake_fd_, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

void LoopCore::woken() {
  wake_pending_.exchange(false, std::memory_order_acq_rel);
  if (wake_handler_ != nullptr) wake_handler_->on_wake();
}

}  // namespace sluice::io
