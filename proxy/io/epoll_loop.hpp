// The event loop on epoll, for where io_uring is denied: edge-triggered, each descriptor registered once, sends of a
// turn gathered and written at its end.
//
// Flow: `create_epoll_loop` opens one; see loop.hpp for the rest.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proxy/io/loop_core.hpp"

namespace sluice::io {

Result<std::unique_ptr<Loop>, LoopError> create_epoll_loop(const LoopOptions& options, std::string reason);

class EpollLoop final : public LoopCore {
 public:
  EpollLoop(const LoopOptions& options, std::string reason);
  ~EpollLoop() override;
  [[nodiscard]] Backend backend() const override { return Backend::epoll; }

  // Once, before anything else.
  [[nodiscard]] LoopError open();

 protected:
  bool begin_run() override { return true; }
  int watch(Stream& stream) override;
  void flush() override;
  void wait(std::int64_t timeout_ns) override;
  [[nodiscard]] bool has_work() const override { return !ready_.empty(); }
  void end_run() override {}

 private:
  enum class Source : std::uint8_t { wake = 1, listener, stream };

  void flush_listeners();
  void flush_stream(Stream& stream);
  void write_queue(Stream& stream);
  void release(Stream& stream);
  void ready_starved();
  void make_ready(Stream& stream);

  void on_event(const epoll_event& event);
  void on_stream_event(Stream& stream, std::uint32_t events);
  void accept_some(Listener& listener);
  void receive_ready();
  void receive_some(Stream& stream);
  // What one receive brought; false if there is no more to do for the stream in this turn.
  bool on_received(Stream& stream, ssize_t result);
  bool has_scratch();

  int epoll_fd_ = -1;
  Block* scratch_ = nullptr;  // received into; replaced when it is handed up
  std::vector<epoll_event> events_;
  std::vector<std::uint32_t> flushing_;
  std::vector<StreamId> ready_;  // readable, as far as known
  std::vector<StreamId> reading_;
};

}  // namespace sluice::io
