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
  // The proxy. Its actions are taken up in the order in which they were asked for. The gate that a `hold` closes stays
  // closed until a `release`, whatever the outcome was.
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
  // What only an unplanned change asks for.
  depose,           // the record: from `epoch` on `server` leads no more, and nobody does until the next `record`
  stop_io,          // nothing more is received from anybody; ok tells `executed` and `received`, read after that
  start_io,         // receives again from where it did before stop_io; ok when that was begun
  apply_relay_log,  // all that was received is applied; ok tells `position` and `executed`
  read_state,       // changes nothing; ok tells `executed` and `received`
};

[[nodiscard]] std::string_view to_string(Act act);

using TimePoint = std::chrono::steady_clock::time_point;

struct Action {
  std::uint64_t id = 0;
  Act act = Act::hold;
  std::size_t server = 0;  // index in the cluster
  std::size_t source = 0;  // follow; run_hook: before, who is to lead; after, who led before; `server`: nobody knows
  std::string position;    // await_position
  std::uint64_t epoch = 0;
  std::string hook;
  bool settle = false;  // hold: open transactions end first, and until then single statements go on; takes longer
  bool after = false;  // run_hook: the change is over, and `server` leads; else it is to begin, and `server` still does
  std::chrono::milliseconds budget{0};
};

struct Outcome {
  std::uint64_t id = 0;
  bool ok = false;
  std::string error;     // why not, in words; never a password
  std::string position;  // freeze, promote, apply_relay_log
  // As in ElectionServer, and of `received` whole transactions only. `executed`: of freeze and await_position, too.
  std::string executed;
  std::string received;
  std::uint64_t instance = 0;  // with them, as in ElectionServer
  bool writable = false;       // stop_io, read_state: it takes writes
};

using Actions = std::vector<Action>;

// For people; `names` are those of the cluster's servers. "follow db3 -> db2", and "db3 does not follow db2".
[[nodiscard]] std::string describe(const Action& action, const std::vector<std::string>& names);
[[nodiscard]] std::string what_failed(const Action& action, const std::vector<std::string>& names);

}  // namespace sluice::failover
