// What both loops share: streams, listeners, timers, memory, the order of a turn, and every rule about when a handler
// is called. An implementation adds only its own dealings with the kernel.
//
// Flow of a turn: `flush` (everything asked for in the last turn goes to the kernel) → `wait` (sleeps, and hands what
// happened to `deliver`, `finish`, `sent`, `accepted`, …) → deferred events → due timers. Asking for something only
// notes it and puts the stream on the list of touched ones.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proxy/io/block_pool.hpp"
#include "proxy/io/stream_table.hpp"
#include "proxy/io/timers.hpp"
#include "proxy/io/token.hpp"

namespace sluice::io {

struct Listener {
  AcceptHandler* handler = nullptr;  // nullptr: closed
  int fd = -1;
  std::uint32_t slot = 0;
  std::uint32_t generation = 1;
  TimerId retry_timer;  // running while accepting is paused after an error
  bool armed = false;   // the kernel accepts for us
  bool cancel_submitted = false;

  [[nodiscard]] bool is_free() const { return handler == nullptr && fd == -1; }
  [[nodiscard]] bool wants_accept() const { return handler != nullptr && !retry_timer.valid(); }
};

class LoopCore : public Loop {
 public:
  ~LoopCore() override;

  [[nodiscard]] std::string_view reason() const final { return reason_; }
  ListenerId listen(int fd, AcceptHandler& handler) final;
  void close_listener(ListenerId listener) final;
  StreamId adopt(int fd, StreamHandler& handler) final;
  StreamId connect(const Endpoint& endpoint, StreamHandler& handler) final;
  void send(StreamId stream, Slice slice) final;
  [[nodiscard]] std::size_t queued_bytes(StreamId stream) const final;
  [[nodiscard]] bool above_high_water(StreamId stream) const final;
  void pause_receive(StreamId stream) final;
  void resume_receive(StreamId stream) final;
  void close(StreamId stream) final;
  void close_after_send(StreamId stream, std::uint32_t linger_ms) final;
  TimerId start_timer(std::uint64_t delay_ms, TimerHandler& handler) final;
  void cancel_timer(TimerId timer) final { timers_.cancel(timer); }
  [[nodiscard]] std::uint64_t now_ms() const final { return now_ms_; }
  Slice allocate(std::size_t size) final { return pool_->allocate(size); }
  [[nodiscard]] std::size_t memory_used() const final { return pool_->memory_used(); }
  [[nodiscard]] std::size_t memory_held() const final { return pool_->memory_used() - pool_->idle_bytes(); }
  void set_wake_handler(WakeHandler& handler) final { wake_handler_ = &handler; }
  void wake() final;
  void run() final;
  void stop() final { stopped_ = true; }

 protected:
  static constexpr std::size_t iovecs_max = 64;  // gathered in one send
  static constexpr std::int64_t forever = -1;

  LoopCore(const LoopOptions& options, std::string reason);

  // For an implementation to provide. `watch` prepares for a new descriptor (0 or an errno); `flush` gives the kernel
  // what the touched streams and listeners ask for; `wait` sleeps at most `timeout_ns` and dispatches what happened;
  // `has_work` is true if the next wait must not sleep.
  virtual bool begin_run() = 0;
  virtual int watch(Stream& stream) = 0;
  virtual void flush() = 0;
  virtual void wait(std::int64_t timeout_ns) = 0;
  [[nodiscard]] virtual bool has_work() const = 0;
  virtual void end_run() = 0;

  // For an implementation to call while it waits: what happened. Each may call a handler, after which the stream may
  // be closing.
  void deliver(Stream& stream, Slice slice);
  void connected(Stream& stream, int error);
  void finish(Stream& stream, int error);  // the peer is gone, or an error
  void sent(Stream& stream, std::size_t bytes);
  // What the peer has sent before is still read where it can be; the end follows.
  void send_failed(Stream& stream, int error);
  void accepted(Listener& listener, int fd);
  void accept_failed(Listener& listener, int error);
  void woken();

  // Everything is closed and no handler is called again: for destructors.
  void close_all();
  [[nodiscard]] bool all_released() const;
  // Lingering and all sent: our side ends, and the peer's end is awaited if it hasn't come.
  void shut_if_sent(Stream& stream);
  // Closes for the caller: no handler any more, and only what the kernel is reading stays queued.
  void start_closing(Stream& stream);
  void touch(Stream& stream);
  void refresh_clock();
  // Received bytes as a slice: short ones move to a small block and the large one stays with the caller (false).
  Slice slice_received(Block* block, std::size_t size, bool& block_taken);

  LoopOptions options_;
  std::string reason_;
  BlockPool::Owner pool_;
  StreamTable streams_;
  TimerQueue timers_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<std::uint32_t> touched_;
  std::vector<StreamId> starved_;
  bool listeners_touched_ = false;
  int wake_fd_ = -1;

 private:
  enum class Due : std::uint8_t { linger, accept_retry };  // the loop's own timers
  struct Deferred {
    enum class Kind : std::uint8_t { connected, finished, drained } kind;
    StreamId stream;
    int error = 0;
  };

  [[nodiscard]] Stream* find_live(StreamId id) const;
  StreamId open_stream(int fd, StreamHandler& handler, Stream::State state);
  void deliver_deferred();
  void expire_timers();
  void expire_own(std::uint64_t context);
  [[nodiscard]] std::int64_t sleep_ns() const;

  std::vector<Deferred> deferred_;
  std::vector<Deferred> delivering_;
  WakeHandler* wake_handler_ = nullptr;
  std::atomic<bool> wake_pending_{false};
  std::uint64_t now_ns_ = 0;
  std::uint64_t now_ms_ = 0;
  bool running_ = false;
  bool stopped_ = false;
};

}  // namespace sluice::io
