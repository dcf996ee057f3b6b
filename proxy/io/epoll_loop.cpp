#include "proxy/io/epoll_loop.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cassert>
#include <cerrno>
#include <limits>
#include <utility>

#include "proxy/io/sockets.hpp"

namespace sluice::io {
namespace {

constexpr std::size_t events_per_turn = 256;
constexpr int receives_per_turn = 4;  // of one stream; then the others have their turn
constexpr int sends_per_turn = 4;
constexpr int accepts_per_turn = 64;

int to_milliseconds(std::int64_t timeout_ns) {
  if (timeout_ns <= 0) return timeout_ns < 0 ? -1 : 0;
  // Rounded up: waking early would only mean waiting again.
  const std::int64_t ms = (timeout_ns + 999'999) / 1'000'000;
  return ms > std::numeric_limits<int>::max() ? std::numeric_limits<int>::max() : static_cast<int>(ms);
}

}  // namespace

Result<std::unique_ptr<Loop>, LoopError> create_epoll_loop(const LoopOptions& options, std::string reason) {
  auto loop = std::make_unique<EpollLoop>(options, std::move(reason));
  LoopError error = loop->open();
  if (error.code != 0) return error;
  return std::unique_ptr<Loop>(std::move(loop));
}

EpollLoop::EpollLoop(const LoopOptions& options, std::string reason)
    : LoopCore(options, std::move(reason)), events_(events_per_turn) {}

LoopError EpollLoop::open() {
  if (wake_fd_ < 0) return {EMFILE, "eventfd"};
  epoll_fd_ = ::epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd_ < 0) return {errno, "epoll_create1"};
  epoll_event event{};
  // Edge-triggered, the counter needs no reading: each write is an edge.
  event.events = EPOLLIN | EPOLLET;
  event.data.u64 = Token{static_cast<std::uint8_t>(Source::wake), 0, 0}.pack();
  if (::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wake_fd_, &event) != 0) return {errno, "epoll_ctl"};
  return {};
}

EpollLoop::~EpollLoop() {
  close_all();
  flush();
  if (scratch_ != nullptr) {
    scratch_->references = 0;
    pool_->give_back(scratch_);
  }
  if (epoll_fd_ >= 0) ::close(epoll_fd_);
}

int EpollLoop::watch(Stream& stream) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u64 = Token{static_cast<std::uint8_t>(Source::stream), stream.slot, stream.generation}.pack();
  stream.writable = stream.state == Stream::State::open;
  return ::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, stream.fd, &event) == 0 ? 0 : errno;
}

// ---- what was asked for ----

void EpollLoop::flush() {
  if (listeners_touched_) flush_listeners();
  flushing_.swap(touched_);
  for (const std::uint32_t slot : flushing_) {
    Stream& stream = streams_.at(slot);
    stream.touched = false;
    flush_stream(stream);
  }
  flushing_.clear();
  if (!starved_.empty()) ready_starved();
}

void EpollLoop::flush_stream(Stream& stream) {
  if (stream.state == Stream::State::closing) {
    release(stream);
    return;
  }
  if (stream.state != Stream::State::open && stream.state != Stream::State::lingering) return;
  if (stream.writable && !stream.queue.empty()) write_queue(stream);
  shut_if_sent(stream);
  if (stream.readable && stream.wants_receive()) make_ready(stream);
}

void EpollLoop::write_queue(Stream& stream) {
  for (int i = 0; i < sends_per_turn; ++i) {
    std::array<iovec, iovecs_max> iovecs;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    msghdr header{};
    header.msg_iov = iovecs.data();
    header.msg_iovlen = stream.queue.gather(iovecs.data(), iovecs.size());
    const ssize_t result = header.msg_iovlen == 1
                               ? ::send(stream.fd, iovecs[0].iov_base, iovecs[0].iov_len, MSG_NOSIGNAL | MSG_DONTWAIT)
                               : ::sendmsg(stream.fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (result >= 0) {
      sent(stream, static_cast<std::size_t>(result));
      if (stream.queue.empty()) return;
    } else if (errno == EAGAIN) {
      stream.writable = false;
      return;
    } else if (errno != EINTR) {
      stream.writable = false;
      send_failed(stream, errno);
      return;
    }
  }
  touch(stream);  // goes on in the next turn
}

void EpollLoop::release(Stream& stream) {
  if (stream.fd >= 0) ::close(stream.fd);  // leaves the epoll set by it
  stream.fd = -1;
  streams_.release(stream);
}

void EpollLoop::flush_listeners() {
  listeners_touched_ = false;
  for (const auto& entry : listeners_) {
    Listener& listener = *entry;
    if (listener.wants_accept() && !listener.armed) {
      set_blocking(listener.fd, false);
      epoll_event event{};
      // Exclusive: workers that share a unix socket aren't all woken for one connection.
      event.events = EPOLLIN | EPOLLEXCLUSIVE;
      event.data.u64 = Token{static_cast<std::uint8_t>(Source::listener), listener.slot, listener.generation}.pack();
      listener.armed = true;
      if (::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, listener.fd, &event) != 0) {
        listener.armed = false;
        accept_failed(listener, errno);
      }
    } else if (!listener.wants_accept() && listener.armed) {
      ::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, listener.fd, nullptr);
      listener.armed = false;
    }
    if (listener.handler == nullptr && listener.fd >= 0) {
      ::close(listener.fd);
      const std::uint32_t slot = listener.slot;
      const std::uint32_t generation = listener.generation + 1;
      listener = Listener{};
      listener.slot = slot;
      listener.generation = generation == 0 ? 1 : generation;
    }
  }
}

void EpollLoop::make_ready(Stream& stream) {
  if (stream.ready || stream.starved) return;
  stream.ready = true;
  ready_.push_back(stream.id());
}

void EpollLoop::ready_starved() {
  if (scratch_ == nullptr && !pool_->has_large()) return;
  for (const StreamId id : starved_) {
    Stream* stream = streams_.find(id);
    if (stream == nullptr || !stream->starved) continue;
    stream->starved = false;
    if (stream->readable && stream->wants_receive()) make_ready(*stream);
  }
  starved_.clear();
}

// ---- what happened ----

void EpollLoop::wait(std::int64_t timeout_ns) {
  const int n = ::epoll_wait(epoll_fd_, events_.data(), static_cast<int>(events_.size()), to_milliseconds(timeout_ns));
  assert(n >= 0 || errno == EINTR);
  refresh_clock();
  for (int i = 0; i < n; ++i) on_event(events_[static_cast<std::size_t>(i)]);
  receive_ready();
}

void EpollLoop::on_event(const epoll_event& event) {
  const Token token = Token::unpack(event.data.u64);
  switch (static_cast<Source>(token.kind)) {
    case Source::wake:
      woken();
      return;
    case Source::listener:
      if (listeners_[token.slot]->generation == token.generation) accept_some(*listeners_[token.slot]);
      return;
    case Source::stream:
      if (Stream* stream = streams_.find({token.slot, token.generation}); stream != nullptr) {
        on_stream_event(*stream, event.events);
      }
      return;
  }
}

void EpollLoop::on_stream_event(Stream& stream, std::uint32_t events) {
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) stream.hangup = true;
  if (stream.hangup || (events & EPOLLIN) != 0) stream.readable = true;
  if (stream.state == Stream::State::connecting) {
    if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) connected(stream, connect_result(stream.fd));
    return;
  }
  if ((events & EPOLLOUT) != 0) {
    stream.writable = true;
    if (!stream.queue.empty()) touch(stream);
  }
  if (stream.readable && stream.wants_receive()) make_ready(stream);
}

void EpollLoop::accept_some(Listener& listener) {
  for (int i = 0; i < accepts_per_turn && listener.wants_accept(); ++i) {
    const int fd = ::accept4(listener.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      accepted(listener, fd);
    } else {
      const int error = errno;
      if (error == EAGAIN) return;
      accept_failed(listener, error);
    }
  }
}

void EpollLoop::receive_ready() {
  if (ready_.empty()) return;
  reading_.swap(ready_);
  for (const StreamId id : reading_) {
    Stream* stream = streams_.find(id);
    if (stream == nullptr) continue;
    stream->ready = false;
    receive_some(*stream);
  }
  reading_.clear();
}

bool EpollLoop::has_scratch() {
  if (scratch_ == nullptr) scratch_ = pool_->take_large();
  return scratch_ != nullptr;
}

void EpollLoop::receive_some(Stream& stream) {
  for (int i = 0; i < receives_per_turn; ++i) {
    if (!stream.readable || !stream.wants_receive()) return;
    if (!has_scratch()) {
      stream.starved = true;
      starved_.push_back(stream.id());
      return;
    }
    if (!on_received(stream, ::recv(stream.fd, scratch_->data(), scratch_->capacity, MSG_DONTWAIT))) return;
  }
  if (stream.readable && stream.wants_receive()) make_ready(stream);
}

bool EpollLoop::on_received(Stream& stream, ssize_t result) {
  if (result < 0) {
    const int error = errno;
    if (error == EINTR) return true;
    if (error == EAGAIN) {
      stream.readable = false;
    } else {
      finish(stream, error);
    }
    return false;
  }
  if (result == 0) {
    finish(stream, 0);
    return false;
  }
  const auto size = static_cast<std::size_t>(result);
  // A short read has emptied the socket, unless its end follows (epoll(7), edge-triggered and stream-oriented).
  stream.readable = size == scratch_->capacity || stream.hangup;
  if (stream.state == Stream::State::lingering) return true;  // discarded
  bool block_taken = false;
  Slice slice = slice_received(scratch_, size, block_taken);
  if (block_taken) scratch_ = nullptr;
  deliver(stream, std::move(slice));
  return true;
}

}  // namespace sluice::io
