// The event loop on io_uring: everything that a turn asks for goes to the kernel in one system call together with the
// wait. Measured reasons for its flags are in uring_loop.cpp; kernel 6.1 is the floor.
//
// Flow: `probe_uring()` says whether this machine allows it, `create_uring_loop` opens one; see loop.hpp for the rest.
#pragma once

#include <liburing.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proxy/io/loop_core.hpp"
#include "proxy/io/receive_ring.hpp"

namespace sluice::io {

// May be called on any thread; the first `run` ties the loop to its thread, and it should be destroyed there.
Result<std::unique_ptr<Loop>, LoopError> create_uring_loop(const LoopOptions& options, std::string reason);

// io_uring_queue_init with the flags that this loop needs; 0 or an errno. The ring starts disabled.
[[nodiscard]] int init_ring(io_uring& ring, std::uint32_t entries);
// Starts it, and makes the calling thread its only issuer; 0 or an errno.
[[nodiscard]] int enable_ring(io_uring& ring);

class UringLoop final : public LoopCore {
 public:
  UringLoop(const LoopOptions& options, std::string reason);
  ~UringLoop() override;
  [[nodiscard]] Backend backend() const override { return Backend::io_uring; }

  // Once, before anything else.
  [[nodiscard]] LoopError open();

 protected:
  bool begin_run() override;
  int watch(Stream& /*stream*/) override { return 0; }
  void flush() override;
  void wait(std::int64_t timeout_ns) override;
  [[nodiscard]] bool has_work() const override { return io_uring_cq_ready(&ring_) > 0; }
  void end_run() override;

 private:
  enum class Op : std::uint8_t { wake = 1, accept, receive, send, poll, cancel, close };

  // Submission: nullptr if the kernel takes nothing more now; the caller leaves its work for the next turn.
  io_uring_sqe* next_sqe();
  io_uring_sqe* prepare(Stream& stream);
  void submit();
  void flush_listeners();
  void flush_stream(Stream& stream);
  void flush_closing(Stream& stream);
  void arm_poll(Stream& stream);
  void arm_send(Stream& stream);
  void arm_receive(Stream& stream);
  void cancel_receive(Stream& stream);
  void rearm_starved();

  // Completion.
  void dispatch();
  void on_completion(const io_uring_cqe& cqe);
  void on_stream_completion(Op op, Stream& stream, const io_uring_cqe& cqe);
  void on_receive(Stream& stream, const io_uring_cqe& cqe);
  void take_received(Stream& stream, const io_uring_cqe& cqe);
  void on_send(Stream& stream, int result);
  void on_accept(Listener& listener, const io_uring_cqe& cqe);

  static constexpr std::size_t arena_iovecs = 2048;
  static constexpr std::size_t arena_headers = 256;

  io_uring ring_{};
  bool ring_open_ = false;
  bool enabled_ = false;
  pid_t issuer_ = 0;  // the thread that the kernel accepts submissions from
  bool wake_armed_ = false;
  std::uint64_t wake_count_ = 0;  // read into, never looked at
  std::unique_ptr<ReceiveRing> receive_ring_;
  std::vector<std::uint32_t> flushing_;
  std::vector<StreamId> rearming_;

  // Headers of gathered sends: the kernel copies them when it takes the submission, so they live for one.
  std::array<iovec, arena_iovecs> iovecs_{};
  std::array<msghdr, arena_headers> headers_{};
  std::size_t iovecs_used_ = 0;
  std::size_t headers_used_ = 0;
};

}  // namespace sluice::io
