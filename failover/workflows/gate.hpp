// What a change of leader needs of the proxy, seen from here: the proxy stands above, and implements it.
//
// Flow: hold → … → release; cut after a release. Each is answered once, from the io_context, within its budget. A call
// that was given up must not take effect after a later one was answered.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace sluice::failover {

class Gate {
 public:
  using Done = std::function<void(const std::string& error)>;  // empty: done

  virtual ~Gate() = default;
  // Nothing new starts on `server`; done when nothing of ours is open there any more. `settle`: first nothing but
  // transactions is kept from starting, until those that are open have ended.
  virtual void hold(std::size_t server, bool settle, std::chrono::milliseconds budget, Done done) = 0;
  // Whatever of ours is still open on `server` is ended; done when it is.
  virtual void cut(std::size_t server, std::chrono::milliseconds budget, Done done) = 0;
  // `server` leads under `epoch`, and what waits goes on there.
  virtual void release(std::size_t server, std::uint64_t epoch, std::chrono::milliseconds budget, Done done) = 0;
};

}  // namespace sluice::failover
