// Act::apply_relay_log: all that the channels from the cluster have received is applied. Whether they still receive
// does not matter, except that then there is no end to it: the caller has stopped them.
//
//   state → until all that is whole is applied → (MySQL before 5.7.6, if one is left over: is it torn?) → state
//
// A transaction of which the leader sent only a part before it was lost is never applied, and MySQL before 5.7.6 counts
// it as received. It is found by this: the thread that applies, started after nothing came any more, has read all, and
// still has not executed it. One that waits already may only not have noticed the last events yet, so it is started
// anew: it rolls back what it has of the torn one and reads it once more. With several threads that apply that can't be
// told, and it ends with the budget.
#pragma once

#include <string>

#include "failover/workflows/server_task.hpp"

namespace sluice::failover {

class ApplyTask : public ServerTask {
 public:
  using ServerTask::ServerTask;

 private:
  void begin() override;
  void look();
  [[nodiscard]] std::string why_never(const ServerFacts& facts) const;
  void await_whole(const std::string& position);
  void look_for_torn(const ServerFacts& facts, std::size_t channel);

  bool restarted_ = false;
};

}  // namespace sluice::failover
