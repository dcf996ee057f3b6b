// The streams of one loop by slot and generation. A slot is given out again only when the kernel has let go of it, and
// then with another generation: a stale id finds nothing.
//
// Flow: `acquire()`; look up with `find(id)`; `release(stream)`. Streams never move in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "proxy/io/loop.hpp"
#include "proxy/io/send_queue.hpp"
#include "proxy/io/token.hpp"

namespace sluice::io {

struct Stream {
  enum class State : std::uint8_t {
    free,
    connecting,
    open,
    lingering,  // close_after_send: no handler any more, sends its queue, discards what arrives
    closing,    // only the kernel's last completions are awaited
  };

  StreamHandler* handler = nullptr;
  SendQueue queue;
  std::uint32_t slot = 0;
  std::uint32_t generation = 1;
  int fd = -1;
  int send_error = 0;  // writing failed; what the peer sent before is still read, then this is reported
  TimerId linger_timer;
  State state = State::free;
  bool touched = false;  // in the list of streams to flush
  bool paused = false;
  bool above_high_water = false;
  bool shut_down = false;   // lingering: everything is sent and our side is shut
  bool peer_ended = false;  // nothing more comes, but we still send
  bool starved = false;     // waits for a block to receive into

  // io_uring: what the kernel holds.
  std::uint32_t sending = 0;  // slices of the queue that it reads
  bool receive_armed = false;
  bool receive_cancelling = false;
  bool poll_armed = false;  // waits for the connection
  bool cancel_submitted = false;
  bool close_submitted = false;

  // epoll: what its edges told.
  bool readable = false;
  bool writable = false;
  bool hangup = false;  // the peer's end is in sight: read on until it
  bool ready = false;   // in the list of streams to read from

  [[nodiscard]] StreamId id() const { return {slot, generation}; }
  [[nodiscard]] bool is_live() const {
    return handler != nullptr && (state == State::connecting || state == State::open);
  }
  [[nodiscard]] bool wants_receive() const {
    return !peer_ended && ((state == State::open && !paused) || state == State::lingering);
  }
};

class StreamTable {
 public:
  // nullptr: every slot is in use.
  Stream* acquire();
  // nullptr: stale or never given out.
  [[nodiscard]] Stream* find(StreamId id) const;
  [[nodiscard]] Stream& at(std::uint32_t slot) const { return chunks_[slot / chunk_size][slot % chunk_size]; }
  void release(Stream& stream);

  [[nodiscard]] std::size_t in_use() const { return size_ - free_.size(); }
  [[nodiscard]] std::uint32_t size() const { return size_; }  // slots ever given out

 private:
  static constexpr std::uint32_t chunk_size = 256;

  std::vector<std::unique_ptr<Stream[]>> chunks_;
  std::vector<std::uint32_t> free_;
  std::uint32_t size_ = 0;
};

}  // namespace sluice::io
