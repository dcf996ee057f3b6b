// Act::promote: the server follows nobody of its cluster any more and takes writes.
//
//   STOP SLAVE → all that it was sent is applied? → RESET SLAVE ALL → semi-synchronous as a leader → position
//   → read_only off, last of all
//
// Channels from outside of the cluster go on. RESET SLAVE ALL, because a server that still names a source would follow
// it again after a restart; it throws away what was received and not applied, so that is proven to be nothing first.
// What apply_relay_log has found to be torn, and nothing has come since, is nothing.
#pragma once

#include <string>
#include <vector>

#include "failover/workflows/server_task.hpp"

namespace sluice::failover {

class PromoteTask : public ServerTask {
 public:
  using ServerTask::ServerTask;

 private:
  void begin() override;
  void stop_channels(const ServerFacts& facts);
  [[nodiscard]] bool is_applied(const ServerFacts& facts, std::size_t channel) const;
  void prove_applied(const std::vector<std::string>& channels);
  void lead(const ServerFacts& facts, const std::vector<std::string>& channels);
};

}  // namespace sluice::failover
