// `sluice demo load`: clients that write through the demo's sluice all the time, and a line a second of what they see.
//
// Flow: `return load(options, std::cout, std::cerr);` It ends with SIGINT or SIGTERM, or after `seconds`, and then
// looks whether every row that was acknowledged is there. Call it in a process that has no other threads: it blocks
// both signals. Returns 0; 1 if a client saw an error or a row is missing.
#pragma once

#include <chrono>
#include <filesystem>
#include <iosfwd>

#include "admin/demo/patience.hpp"

namespace sluice::demo {

struct LoadOptions {
  std::filesystem::path dir = "demo";
  unsigned clients = 8;
  unsigned rate = 400;            // rows a second, of all clients together; 0: as many as come about
  std::chrono::seconds lasts{0};  // 0: until a signal
  Patience patience{};
};

int load(const LoadOptions& options, std::ostream& out, std::ostream& err);

}  // namespace sluice::demo
