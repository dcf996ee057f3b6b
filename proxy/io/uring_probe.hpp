// Whether this machine lets us use io_uring the way the loop needs it: asked by doing it once on a small ring, because
// a version number doesn't tell what a container's profile forbids.
//
// Flow: `probe_uring()` once at start; its reason goes to the log whichever loop then runs.
#pragma once

#include <string>

namespace sluice::io {

struct UringProbe {
  int error = 0;       // 0: usable, else the errno of the step that failed
  std::string reason;  // "kernel 6.18 has all that is needed", or what was refused
  [[nodiscard]] bool usable() const { return error == 0; }
};

[[nodiscard]] UringProbe probe_uring();
// What an errno of one of io_uring's system calls means, in words.
[[nodiscard]] std::string explain_uring_error(const std::string& step, int error);

}  // namespace sluice::io
