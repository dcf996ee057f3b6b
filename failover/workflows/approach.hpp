// Before anybody waits: until the server that is to lead is hardly behind the one that leads. Lag comes and goes under
// load, and what there is of it when the gate closes is what clients wait for.
//
// Flow: `make_shared<Approach>(parts)->start(done)`; `done` is called once, from the io_context. Each round asks the
// leader where it is and waits until the other has applied that. Changes nothing on either, but that the other begins a
// file of its binary log.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "failover/workflows/server_actor.hpp"

namespace sluice::failover {

struct ApproachParts {
  std::shared_ptr<ServerActor> leader;
  std::shared_ptr<ServerActor> candidate;
  std::chrono::milliseconds near{20};       // so far behind ends it at once
  std::chrono::milliseconds bound{0};       // the round that ends after this is the last one, and
  std::chrono::milliseconds enough{0};      // will do if it was no further behind in it than this
  std::chrono::milliseconds answer_max{0};  // the leader tells where it is
};

// How far behind ends it after this time. Less is worth waiting for while nobody else waits, but one that always is a
// little behind is not waited for in vain: from `near` up to `enough`, slowly at first.
[[nodiscard]] std::chrono::milliseconds near_after(std::chrono::milliseconds passed, const ApproachParts& parts);

class Approach : public std::enable_shared_from_this<Approach> {
 public:
  // An error: it is too far behind, or one of them does not answer.
  using Done = std::function<void(const std::string& error)>;

  explicit Approach(ApproachParts parts) : parts_(std::move(parts)) {}

  void start(Done done);

 private:
  void begin_log_file();
  void ask_leader();
  void await(const std::string& position);
  void on_reached();
  void end(const std::string& error);

  ApproachParts parts_;
  Done done_;
  std::chrono::steady_clock::time_point begun_;
  std::chrono::steady_clock::time_point asked_;
};

}  // namespace sluice::failover
