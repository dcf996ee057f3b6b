// The event loop of one worker: a small completion interface with two implementations, io_uring and epoll. What is
// asked for is done later; what was done is told to a handler. One thread owns a loop and everything in it; only `wake`
// may be called from elsewhere.
//
// Flow: `Loop::create(options)`; `listen(fd, handler)`; handler gets `on_accepted(fd)` and calls `adopt(fd, handler)`;
// bytes arrive as Slices in `on_received`; `send(stream, slice)` queues; all that was queued in a turn is submitted
// together at its end. `run()` turns until `stop()`.
//
// Rules that both implementations keep (and tests/proxy/io checks on both):
// - A stream is named by slot and generation; a stale id is ignored, never misdirected.
// - Handlers are called only from `run`, never from inside `send`, `close`, `adopt` or `connect`.
// - `close` is at once for the caller: no call to the handler comes after it; buffers and the descriptor are released
//   when the kernel has let go of them.
// - One send is in flight per stream; what is queued meanwhile goes out in the next one, gathered.
// - When the block pool is exhausted, receiving stops and goes on by itself when blocks come back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "protocol/result.hpp"
#include "proxy/io/endpoint.hpp"
#include "proxy/io/slice.hpp"

namespace sluice::io {

struct StreamId {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;  // 0: no stream
  [[nodiscard]] bool valid() const { return generation != 0; }
  friend bool operator==(StreamId, StreamId) = default;
};

struct TimerId {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;  // 0: no timer
  [[nodiscard]] bool valid() const { return generation != 0; }
  friend bool operator==(TimerId, TimerId) = default;
};

struct ListenerId {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
  [[nodiscard]] bool valid() const { return generation != 0; }
};

class AcceptHandler {
 public:
  // The handler owns `fd` from here on: adopt or close it. It is non-blocking and close-on-exec.
  virtual void on_accepted(int fd) = 0;
  // accept failed with `error` (an errno such as EMFILE). The loop tries again by itself after a pause.
  virtual void on_accept_failed(int error) = 0;

 protected:
  ~AcceptHandler() = default;
};

class StreamHandler {
 public:
  // Only for `connect`: the stream is open (0), or it failed with this errno and is closed already.
  virtual void on_connected(int error) = 0;
  virtual void on_received(Slice slice) = 0;
  // Nothing more comes: the peer shut its side in order. It may still read. True: the stream stays open for sending,
  // and ends by `close`, `close_after_send` or an error of writing. False: it is closed, and `on_closed(0)` tells.
  virtual bool on_peer_ended() { return false; }
  // The peer is gone: 0 for an orderly end, else an errno (from reading or writing). The stream is closed already;
  // nothing more is called for it.
  virtual void on_closed(int error) = 0;
  // Queued bytes fell to the stream's low-water mark after having been above its high-water mark.
  virtual void on_drained() = 0;

 protected:
  ~StreamHandler() = default;
};

class TimerHandler {
 public:
  virtual void on_timer(TimerId timer) = 0;

 protected:
  ~TimerHandler() = default;
};

class WakeHandler {
 public:
  virtual void on_wake() = 0;

 protected:
  ~WakeHandler() = default;
};

enum class Backend : std::uint8_t { automatic, io_uring, epoll };
[[nodiscard]] std::string_view to_string(Backend backend);

struct LoopOptions {
  Backend backend = Backend::automatic;
  std::uint32_t ring_entries = 4096;         // submission queue; the completion queue is four times as large
  std::uint32_t receive_buffers = 1024;      // blocks offered to the kernel at a time (io_uring), a power of two
  std::uint32_t block_size = 16 * 1024;      // bytes of data in one block
  std::size_t memory_max = 256U << 20;       // bytes in blocks of this loop, held or free
  std::size_t send_high_water = 256U << 10;  // `above_high_water` and `on_drained`: bytes queued on one stream
  std::size_t send_low_water = 64U << 10;
};

struct LoopError {
  int code = 0;      // errno
  std::string what;  // which step failed
};

class Loop {
 public:
  // Opens the asked-for implementation; `automatic` takes io_uring if every feature that it needs answers, else epoll.
  static Result<std::unique_ptr<Loop>, LoopError> create(const LoopOptions& options);

  virtual ~Loop() = default;
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  [[nodiscard]] virtual Backend backend() const = 0;
  // Why this implementation runs, for the log: "io_uring: kernel 6.18 has all that is needed" or "epoll: io_uring_setup
  // was denied (EPERM), as container profiles do".
  [[nodiscard]] virtual std::string_view reason() const = 0;

  // Takes over a listening socket. The handler must outlive the listener.
  virtual ListenerId listen(int fd, AcceptHandler& handler) = 0;
  virtual void close_listener(ListenerId listener) = 0;

  // Takes over a connected, non-blocking socket and starts receiving.
  virtual StreamId adopt(int fd, StreamHandler& handler) = 0;
  // Starts to connect; `on_connected` tells. The endpoint must be numeric or a unix path (resolve names elsewhere).
  virtual StreamId connect(const Endpoint& endpoint, StreamHandler& handler) = 0;

  // Queues bytes. They leave in order; errors arrive as on_closed.
  virtual void send(StreamId stream, Slice slice) = 0;
  [[nodiscard]] virtual std::size_t queued_bytes(StreamId stream) const = 0;
  [[nodiscard]] virtual bool above_high_water(StreamId stream) const = 0;

  // Flow control: after `pause_receive` at most what the kernel had already delivered (`receive_buffers` blocks at
  // worst, in practice one or two) still arrives.
  virtual void pause_receive(StreamId stream) = 0;
  virtual void resume_receive(StreamId stream) = 0;

  // Closes at once and drops what is queued.
  virtual void close(StreamId stream) = 0;
  // Sends what is queued, then closes; bounded by `linger_ms`. No handler call comes after this.
  virtual void close_after_send(StreamId stream, std::uint32_t linger_ms) = 0;

  // One-shot. The handler must outlive the timer or cancel it.
  virtual TimerId start_timer(std::uint64_t delay_ms, TimerHandler& handler) = 0;
  virtual void cancel_timer(TimerId timer) = 0;
  // Milliseconds of the monotonic clock, as of this turn.
  [[nodiscard]] virtual std::uint64_t now_ms() const = 0;

  // Memory for bytes that we make ourselves: a slice of `size` bytes (≤ block_size) to be filled, or an empty slice
  // if memory_max is reached.
  virtual Slice allocate(std::size_t size) = 0;
  [[nodiscard]] virtual std::size_t memory_used() const = 0;
  // Of these bytes, those in blocks that somebody holds: the rest is free at once.
  [[nodiscard]] virtual std::size_t memory_held() const = 0;

  virtual void set_wake_handler(WakeHandler& handler) = 0;
  // From any thread: `on_wake` will be called once or more.
  virtual void wake() = 0;

  virtual void run() = 0;   // until stop()
  virtual void stop() = 0;  // from the loop's own thread

 protected:
  Loop() = default;
};

}  // namespace sluice::io
