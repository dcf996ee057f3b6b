#include "proxy/io/loop.hpp"

#include "proxy/io/epoll_loop.hpp"
#include "proxy/io/uring_loop.hpp"
#include "proxy/io/uring_probe.hpp"

namespace sluice::io {

std::string_view to_string(Backend backend) {
  switch (backend) {
    case Backend::automatic:
      return "auto";
    case Backend::io_uring:
      return "io_uring";
    case Backend::epoll:
      return "epoll";
  }
  return "?";
}

Result<std::unique_ptr<Loop>, LoopError> Loop::create(const LoopOptions& options) {
  if (options.backend == Backend::epoll) return create_epoll_loop(options, "epoll: asked for by configuration");
  const UringProbe probe = probe_uring();
  std::string refused = probe.reason;
  int error = probe.error;
  if (probe.usable()) {
    auto loop = create_uring_loop(options, "io_uring: " + probe.reason);
    if (loop) return loop;
    // A small ring worked, the real one didn't: memory, most likely.
    refused = explain_uring_error(loop.error().what, loop.error().code);
    error = loop.error().code;
  }
  if (options.backend == Backend::io_uring) return LoopError{error, refused};
  return create_epoll_loop(options, "epoll: " + refused);
}

}  // namespace sluice::io
