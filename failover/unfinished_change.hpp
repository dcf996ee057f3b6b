// What becomes of a change of leader that was under way when sluice ended: it is finished where a server leads, taken
// back where none does. Pure.
//
// Flow: the record says that a change was begun; `settle(state, from, to)` for each state of the cluster until it says
// what to do; then `thaw` is made writable, if there is one, and `follow` replicate from `leader`.
//
//   what is seen                                               what follows
//   a server leads                                             the others that answer follow it; the change is over
//   none leads, both answer and are read-only, and the former  the former one is thawed and leads; the others follow
//   one has everything that the candidate has                  it, the candidate, too
//   anything else                                              wait: `reason` says for what
//
// A read-only candidate was not promoted, or not to the end: nobody has written to it through us. A server that has
// transactions which the leader lacks does not follow it: it is named in `reason`, for an operator to look at.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "failover/topology.hpp"

namespace sluice::failover {

struct Settlement {
  std::optional<std::size_t> leader;  // nullopt: wait
  bool thaw = false;                  // it must be made writable first
  std::vector<std::size_t> follow;
  std::string reason;
};

// `from` and `to` are names of servers, as the record has them.
[[nodiscard]] Settlement settle(const ClusterState& state, std::string_view from, std::string_view to);

}  // namespace sluice::failover
