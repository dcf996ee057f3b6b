// Act::follow: the server is read-only and replicates from another one of its cluster, by GTID. Of a replica only the
// source changes; a former leader gets a channel.
//
//   read_only → (former leader: who wrote or waits for the lock is ended; the lock goes) → STOP SLAVE
//   → (MariaDB, former leader: gtid_slave_pos is what it has executed) → CHANGE MASTER → semi-synchronous as a replica
//   → START SLAVE → until both threads run
//
// The lock can't stay until it replicates: under it a server refuses STOP SLAVE (1192), and MariaDB refuses to set
// gtid_slave_pos (1223), seen with 10.11 and 5.6. So whoever waits for it is ended first, and what the server has
// executed is compared with where it was frozen afterwards, and with what it has received from the cluster: if someone
// with SUPER came in between, it is not made a replica, because what it has then is nowhere else.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "failover/workflows/connection_ender.hpp"
#include "failover/workflows/server_task.hpp"

namespace sluice::failover {

struct ReplicationAccount {
  std::string user;      // empty: what the channel has is kept
  std::string password;  // never in an error
  bool tls = false;
  // A source that is silent for longer than a few of these is gone; 0: what the channel has is kept.
  std::chrono::milliseconds heartbeat{1000};
};

// Why a server could not log on to its new source; empty: it could. `has_channel`: it replicates in its cluster
// already.
[[nodiscard]] std::string why_no_account(bool has_channel, const ReplicationAccount& account);

class FollowTask : public ServerTask {
 public:
  FollowTask(TaskPlace place, std::size_t source, ReplicationAccount account);

 private:
  void begin() override;
  void on_stop() override;
  void choose_channel(const ServerFacts& facts);
  [[nodiscard]] std::string refusal(const ServerFacts& facts) const;  // before anything is touched
  void end_writers();
  void stop_channels();
  [[nodiscard]] bool was_written_to(const ServerFacts& facts) const;
  void change(const ServerFacts& facts);
  void ask_secretly(std::string sql, Then then);
  void await_running();

  std::size_t source_;
  ReplicationAccount account_;
  std::string channel_;
  bool has_channel_ = false;
  std::vector<std::string> ours_;  // names of all channels from the cluster; channel_ is the one that stays
  std::shared_ptr<ConnectionEnder> ender_;
};

}  // namespace sluice::failover
