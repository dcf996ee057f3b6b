// What the supervisor asks to be done, and what came of it. Values only: the shells (failover/workflows/, proxy/) act.
//
// Flow: a workflow gives `Action`s; whoever acts answers each with exactly one `Outcome` of the same id, also when its
// budget is over. Actions of one list may be done at the same time; the workflow gives the next ones when it has heard
// what it waits for.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::failover {

enum class Act : std::uint8_t {
  // The proxy.
  hold,     // the cluster's gate closes: nothing new starts on `server`; ok when nothing of ours is open there any more
  cut,      // whatever of ours is still open on `server` is ended; ok when it is
  release,  // `server` leads under `epoch`; the gate opens
  // The record.
  record,  // `epoch` and `server` as leader are on disk
  // A server.
  freeze,          // nobody writes, super users neither; ok tells the position that stays
  thaw,            // writable again
  await_position,  // `server` has applied everything up to `position`
  promote,         // follows nobody, writable; ok tells the position at which it took over
  follow,          // read-only, replicates from `source`; ok when both threads run
  run_hook,        // the operator's executable `hook`
};

[[nodiscard]] std::string_view to_string(Act act);

struct Action {
  std::uint64_t id = 0;
  Act act = Act::hold;
  std::size_t server = 0;  // index in the cluster
  std::size_t source = 0;  // follow
  std::string position;    // await_position
  std::uint64_t epoch = 0;
  std::string hook;
  std::chrono::milliseconds budget{0};
};

struct Outcome {
  std::uint64_t id = 0;
  bool ok = false;
  std::string error;     // why not, in words; never a password
  std::string position;  // freeze, promote
};

using Actions = std::vector<Action>;

}  // namespace sluice::failover
