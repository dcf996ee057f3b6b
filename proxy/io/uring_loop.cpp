#include "proxy/io/uring_loop.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <cerrno>
#include <utility>

#include "proxy/io/sockets.hpp"

namespace sluice::io {
namespace {

constexpr unsigned completions_per_turn = 256;  // then what they asked for is submitted
constexpr unsigned completion_queue_factor = 4;

std::uint64_t token_of(std::uint8_t kind, std::uint32_t slot, std::uint32_t generation) {
  return Token{kind, slot, generation}.pack();
}

}  // namespace

int init_ring(io_uring& ring, std::uint32_t entries) {
  io_uring_params params{};
  // SINGLE_ISSUER, DEFER_TASKRUN: completions are worked off in our own wait, not whenever an interrupt likes.
  // SUBMIT_ALL: one bad submission doesn't hold back the others. CQSIZE: multishot fills the completion queue.
  // R_DISABLED: the thread that enables the ring becomes its issuer, so it may be made on another.
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL |
                 IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | IORING_SETUP_R_DISABLED;
  params.cq_entries = entries * completion_queue_factor;
  return -io_uring_queue_init_params(entries, &ring, &params);
}

int enable_ring(io_uring& ring) {
  // liburing 2.3 declares io_uring_enable_rings, but its library doesn't export it.
  return -io_uring_register(static_cast<unsigned>(ring.ring_fd), IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
}

Result<std::unique_ptr<Loop>, LoopError> create_uring_loop(const LoopOptions& options, std::string reason) {
  auto loop = std::make_unique<UringLoop>(options, std::move(reason));
  LoopError error = loop->open();
  if (error.code != 0) return error;
  return std::unique_ptr<Loop>(std::move(loop));
}

UringLoop::UringLoop(const LoopOptions& options, std::string reason) : LoopCore(options, std::move(reason)) {}

LoopError UringLoop::open() {
  if (wake_fd_ < 0) return {EMFILE, "eventfd"};
  if (const int error = init_ring(ring_, options_.ring_entries); error != 0) return {error, "io_uring_setup"};
  ring_open_ = true;
  // What is offered to the kernel must leave room for what it has filled.
  const std::size_t affordable = options_.memory_max / 4 / (options_.block_size + sizeof(Block));
  const std::size_t buffers = std::min<std::size_t>(options_.receive_buffers, std::max<std::size_t>(affordable, 1));
  receive_ring_ = std::make_unique<ReceiveRing>(*pool_, static_cast<std::uint32_t>(std::bit_floor(buffers)));
  if (const int error = receive_ring_->open(ring_); error != 0) return {error, "register receive buffers"};
  return {};
}

UringLoop::~UringLoop() {
  close_all();
  // On its own thread the loop waits until the kernel has let go of every buffer and descriptor. Elsewhere it can't:
  // then the ring is torn down by the kernel, which has already cancelled all requests if their thread is gone.
  constexpr int turns_max = 200;
  constexpr std::int64_t turn_ns = 10'000'000;
  if (enabled_ && issuer_ == ::gettid()) {
    for (int turn = 0; turn < turns_max && !all_released(); ++turn) {
      flush();
      if (!all_released()) wait(touched_.empty() ? turn_ns : 0);
    }
  }
  if (receive_ring_ != nullptr) receive_ring_->close(ring_);
  if (ring_open_) io_uring_queue_exit(&ring_);
}

bool UringLoop::begin_run() {
  if (!enabled_) {
    if (enable_ring(ring_) != 0) return false;
    enabled_ = true;
    issuer_ = ::gettid();
  }
  assert(issuer_ == ::gettid());
  // Saves looking the descriptor up at each call; it belongs to the thread, so it ends with the run.
  static_cast<void>(io_uring_register_ring_fd(&ring_));
  return true;
}

void UringLoop::end_run() {
  submit();
  static_cast<void>(io_uring_unregister_ring_fd(&ring_));
}

// ---- submission ----

void UringLoop::submit() {
  // An error (no memory now) leaves the entries in the queue for the next submission.
  static_cast<void>(io_uring_submit(&ring_));
  if (io_uring_sq_ready(&ring_) == 0) iovecs_used_ = headers_used_ = 0;
}

io_uring_sqe* UringLoop::next_sqe() {
  io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
  if (sqe != nullptr) return sqe;
  submit();
  return io_uring_get_sqe(&ring_);
}

io_uring_sqe* UringLoop::prepare(Stream& stream) {
  io_uring_sqe* sqe = next_sqe();
  if (sqe == nullptr) touch(stream);
  return sqe;
}

void UringLoop::flush() {
  if (listeners_touched_) flush_listeners();
  if (!wake_armed_) {
    if (io_uring_sqe* sqe = next_sqe(); sqe != nullptr) {
      io_uring_prep_read(sqe, wake_fd_, &wake_count_, sizeof wake_count_, 0);
      sqe->user_data = token_of(static_cast<std::uint8_t>(Op::wake), 0, 0);
      wake_armed_ = true;
    }
  }
  receive_ring_->refill();
  if (!starved_.empty()) rearm_starved();
  flushing_.swap(touched_);
  for (const std::uint32_t slot : flushing_) {
    Stream& stream = streams_.at(slot);
    stream.touched = false;
    flush_stream(stream);
  }
  flushing_.clear();
}

void UringLoop::rearm_starved() {
  // Each gets a turn, first come first served; who finds the ring empty again queues up again.
  std::uint32_t buffers = receive_ring_->offered();
  if (buffers == 0) return;
  rearming_.swap(starved_);
  for (const StreamId id : rearming_) {
    Stream* stream = streams_.find(id);
    if (stream == nullptr || !stream->starved) continue;
    if (buffers == 0) {
      starved_.push_back(id);
      continue;
    }
    --buffers;
    stream->starved = false;
    touch(*stream);
  }
  rearming_.clear();
}

void UringLoop::flush_stream(Stream& stream) {
  switch (stream.state) {
    case Stream::State::free:
      return;
    case Stream::State::closing:
      flush_closing(stream);
      return;
    case Stream::State::connecting:
      arm_poll(stream);
      return;
    case Stream::State::open:
    case Stream::State::lingering:
      break;
  }
  if (stream.sending == 0 && stream.send_error == 0) {
    if (!stream.queue.empty()) {
      arm_send(stream);
    } else {
      shut_if_sent(stream);
    }
  }
  if (stream.wants_receive()) {
    if (!stream.receive_armed && !stream.starved) arm_receive(stream);
  } else if (stream.receive_armed && !stream.receive_cancelling) {
    cancel_receive(stream);
  }
}

// Closing doesn't end what is under way (close(2) takes only the descriptor): cancel, await the completions, close.
void UringLoop::flush_closing(Stream& stream) {
  if (stream.receive_armed || stream.sending > 0 || stream.poll_armed) {
    if (stream.cancel_submitted) return;
    io_uring_sqe* sqe = prepare(stream);
    if (sqe == nullptr) return;
    io_uring_prep_cancel_fd(sqe, stream.fd, IORING_ASYNC_CANCEL_ALL);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = token_of(static_cast<std::uint8_t>(Op::cancel), stream.slot, stream.generation);
    stream.cancel_submitted = true;
    return;
  }
  if (stream.fd < 0) {
    streams_.release(stream);
    return;
  }
  if (stream.close_submitted) return;
  io_uring_sqe* sqe = prepare(stream);
  if (sqe == nullptr) return;
  io_uring_prep_close(sqe, stream.fd);
  sqe->user_data = token_of(static_cast<std::uint8_t>(Op::close), stream.slot, stream.generation);
  stream.close_submitted = true;
}

void UringLoop::arm_poll(Stream& stream) {
  if (stream.fd < 0 || stream.poll_armed) return;
  io_uring_sqe* sqe = prepare(stream);
  if (sqe == nullptr) return;
  io_uring_prep_poll_add(sqe, stream.fd, POLLOUT);
  sqe->user_data = token_of(static_cast<std::uint8_t>(Op::poll), stream.slot, stream.generation);
  stream.poll_armed = true;
}

void UringLoop::arm_send(Stream& stream) {
  const bool gathered = stream.queue.slices() > 1;
  if (gathered && (iovecs_used_ + iovecs_max > arena_iovecs || headers_used_ == arena_headers)) {
    submit();
    if (headers_used_ != 0) {
      touch(stream);
      return;
    }
  }
  io_uring_sqe* sqe = prepare(stream);
  if (sqe == nullptr) return;
  if (gathered) {
    iovec* iovecs = &iovecs_[iovecs_used_];
    const std::size_t n = stream.queue.gather(iovecs, iovecs_max);
    msghdr& header = headers_[headers_used_++];
    header = msghdr{};
    header.msg_iov = iovecs;
    header.msg_iovlen = n;
    iovecs_used_ += n;
    stream.sending = static_cast<std::uint32_t>(n);
    io_uring_prep_sendmsg(sqe, stream.fd, &header, MSG_NOSIGNAL);
  } else {
    iovec only{};
    stream.queue.gather(&only, 1);
    stream.sending = 1;
    io_uring_prep_send(sqe, stream.fd, only.iov_base, only.iov_len, MSG_NOSIGNAL);
  }
  sqe->user_data = token_of(static_cast<std::uint8_t>(Op::send), stream.slot, stream.generation);
}

void UringLoop::arm_receive(Stream& stream) {
  io_uring_sqe* sqe = prepare(stream);
  if (sqe == nullptr) return;
  io_uring_prep_recv_multishot(sqe, stream.fd, nullptr, 0, 0);
  sqe->flags |= IOSQE_BUFFER_SELECT;
  sqe->buf_group = ReceiveRing::group;
  sqe->user_data = token_of(static_cast<std::uint8_t>(Op::receive), stream.slot, stream.generation);
  stream.receive_armed = true;
}

void UringLoop::cancel_receive(Stream& stream) {
  io_uring_sqe* sqe = prepare(stream);
  if (sqe == nullptr) return;
  io_uring_prep_cancel64(sqe, token_of(static_cast<std::uint8_t>(Op::receive), stream.slot, stream.generation), 0);
  sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
  sqe->user_data = token_of(static_cast<std::uint8_t>(Op::cancel), stream.slot, stream.generation);
  stream.receive_cancelling = true;
}

void UringLoop::flush_listeners() {
  listeners_touched_ = false;
  for (const auto& entry : listeners_) {
    Listener& listener = *entry;
    const std::uint64_t accept_token =
        token_of(static_cast<std::uint8_t>(Op::accept), listener.slot, listener.generation);
    if (listener.wants_accept() && !listener.armed) {
      // A non-blocking listener would answer EAGAIN instead of waiting.
      set_blocking(listener.fd, true);
      io_uring_sqe* sqe = next_sqe();
      listeners_touched_ = listeners_touched_ || sqe == nullptr;
      if (sqe == nullptr) continue;
      io_uring_prep_multishot_accept(sqe, listener.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      sqe->user_data = accept_token;
      listener.armed = true;
    } else if (listener.handler == nullptr && listener.armed && !listener.cancel_submitted) {
      io_uring_sqe* sqe = next_sqe();
      listeners_touched_ = listeners_touched_ || sqe == nullptr;
      if (sqe == nullptr) continue;
      io_uring_prep_cancel64(sqe, accept_token, 0);
      sqe->user_data = token_of(static_cast<std::uint8_t>(Op::cancel), Token::slots_max - 1, 0);
      listener.cancel_submitted = true;
    } else if (listener.handler == nullptr && !listener.armed && listener.fd >= 0) {
      ::close(listener.fd);
      const std::uint32_t slot = listener.slot;
      const std::uint32_t generation = listener.generation + 1;
      listener = Listener{};
      listener.slot = slot;
      listener.generation = generation == 0 ? 1 : generation;
    }
  }
}

// ---- completion ----

void UringLoop::wait(std::int64_t timeout_ns) {
  int result = 0;
  if (timeout_ns == 0) {
    result = io_uring_submit_and_get_events(&ring_);
  } else {
    __kernel_timespec timeout{};
    timeout.tv_sec = timeout_ns / 1'000'000'000;
    timeout.tv_nsec = timeout_ns % 1'000'000'000;
    io_uring_cqe* first = nullptr;
    result = io_uring_submit_and_wait_timeout(&ring_, &first, 1, timeout_ns == forever ? nullptr : &timeout, nullptr);
  }
  assert(result >= 0 || result == -ETIME || result == -EINTR || result == -EAGAIN || result == -EBUSY ||
         result == -ENOMEM);
  if (io_uring_sq_ready(&ring_) == 0) iovecs_used_ = headers_used_ = 0;
  refresh_clock();
  dispatch();
}

void UringLoop::dispatch() {
  std::array<io_uring_cqe*, completions_per_turn> completions;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  const unsigned n = io_uring_peek_batch_cqe(&ring_, completions.data(), completions_per_turn);
  for (unsigned i = 0; i < n; ++i) on_completion(*completions[i]);
  io_uring_cq_advance(&ring_, n);
}

void UringLoop::on_completion(const io_uring_cqe& cqe) {
  const Token token = Token::unpack(cqe.user_data);
  const Op op = static_cast<Op>(token.kind);
  if (op == Op::wake) {
    wake_armed_ = false;
    woken();
    return;
  }
  if (op == Op::accept) {
    Listener& listener = *listeners_[token.slot];
    assert(listener.generation == token.generation);  // freed only after its last completion
    on_accept(listener, cqe);
    return;
  }
  Stream* stream = streams_.find({token.slot, token.generation});
  if (stream != nullptr) on_stream_completion(op, *stream, cqe);
}

void UringLoop::on_stream_completion(Op op, Stream& stream, const io_uring_cqe& cqe) {
  switch (op) {
    case Op::receive:
      on_receive(stream, cqe);
      return;
    case Op::send:
      on_send(stream, cqe.res);
      return;
    case Op::poll:
      stream.poll_armed = false;
      touch(stream);
      if (stream.state == Stream::State::connecting) connected(stream, connect_result(stream.fd));
      return;
    case Op::cancel:
      // The operation is at work just now and can't be cancelled: the end of the connection ends it.
      if (cqe.res == -EALREADY && stream.state == Stream::State::closing) ::shutdown(stream.fd, SHUT_RDWR);
      return;
    case Op::close:
      stream.fd = -1;
      streams_.release(stream);
      return;
    case Op::wake:
    case Op::accept:
      return;
  }
}

void UringLoop::take_received(Stream& stream, const io_uring_cqe& cqe) {
  const auto id = static_cast<std::uint16_t>(cqe.flags >> IORING_CQE_BUFFER_SHIFT);
  receive_ring_->note_used();
  if (cqe.res <= 0 || stream.state != Stream::State::open) {
    receive_ring_->keep(id);
    return;
  }
  bool block_taken = false;
  Slice slice = slice_received(receive_ring_->block(id), static_cast<std::size_t>(cqe.res), block_taken);
  if (block_taken) {
    receive_ring_->detach(id);
  } else {
    receive_ring_->keep(id);
  }
  deliver(stream, std::move(slice));
}

void UringLoop::on_receive(Stream& stream, const io_uring_cqe& cqe) {
  const bool more = (cqe.flags & IORING_CQE_F_MORE) != 0;
  if (!more) stream.receive_armed = stream.receive_cancelling = false;
  if ((cqe.flags & IORING_CQE_F_BUFFER) != 0) take_received(stream, cqe);
  if (more) return;
  touch(stream);  // armed again if still wanted
  if (stream.state == Stream::State::closing || cqe.res > 0) return;
  switch (-cqe.res) {
    case ECANCELED:
    case EINTR:
    case EAGAIN:
      return;
    case ENOBUFS:
      stream.starved = true;
      starved_.push_back(stream.id());
      receive_ring_->note_shortage();
      return;
    default:
      finish(stream, -cqe.res);
  }
}

void UringLoop::on_send(Stream& stream, int result) {
  stream.sending = 0;
  if (stream.state == Stream::State::closing) {
    stream.queue.truncate(0);
    touch(stream);
    return;
  }
  if (result >= 0) {
    sent(stream, static_cast<std::size_t>(result));
    if (!stream.queue.empty() || stream.state == Stream::State::lingering) touch(stream);
  } else if (result == -EINTR || result == -EAGAIN) {
    touch(stream);
  } else {
    send_failed(stream, -result);
  }
}

void UringLoop::on_accept(Listener& listener, const io_uring_cqe& cqe) {
  if ((cqe.flags & IORING_CQE_F_MORE) == 0) {
    listener.armed = false;
    listeners_touched_ = true;
  }
  if (cqe.res >= 0) {
    accepted(listener, cqe.res);
  } else {
    accept_failed(listener, -cqe.res);
  }
}

}  // namespace sluice::io
