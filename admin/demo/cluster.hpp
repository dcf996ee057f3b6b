// A replicated cluster of real servers on loopback: one leader, the others replicas, by GTID.
//
// Flow: `Cluster cluster(options); cluster.up();` makes the cluster in `options.folder`, or starts again the one that
// is there. Then `leader()`, `node(i)`, and the operations below. All block, are bounded and throw DemoError or
// SqlError. Nothing of it stays in memory only: another process that opens the folder sees the same cluster.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "admin/demo/installation.hpp"
#include "admin/demo/node.hpp"
#include "admin/demo/patience.hpp"
#include "admin/demo/ports.hpp"

namespace sluice::demo {

struct ClusterOptions {
  std::filesystem::path folder;  // must exist
  Flavour flavour = Flavour::mariadb;
  unsigned nodes = 3;
  std::uint16_t first_port = 21001;
  PickPort pick_port;  // empty: free_port_from
  Lifetime lifetime = Lifetime::detached;
  Patience patience;
  bool durable = true;
  bool semi_sync = true;
  bool general_log = false;
  unsigned connections_max = 2000;
  std::vector<std::string> extra;        // further lines of [mysqld]
  std::filesystem::path mysql56_folder;  // empty: <folder>/mysql-5.6
  std::filesystem::path data_template;   // of this flavour, to copy; empty: one of its own is made
  Progress progress;
  int lock = -1;  // a FolderLock's descriptor on the folder, for tools that outlive us: SpawnOptions::keep_open
};

enum class Role { leader, replica, unknown, down };
[[nodiscard]] std::string_view to_string(Role role);

class Cluster {
 public:
  // Reads what is in the folder; with nothing there, the options decide. Makes and starts nothing.
  explicit Cluster(ClusterOptions options);

  // Provisions what is missing, starts what does not run (all at once), and lets every replica follow the leader.
  void up();

  [[nodiscard]] std::size_t size() const { return nodes_.size(); }
  [[nodiscard]] Node& node(std::size_t index) { return nodes_.at(index); }
  [[nodiscard]] const std::deque<Node>& nodes() const { return nodes_; }
  [[nodiscard]] const Passwords& passwords() const { return context_->passwords; }
  [[nodiscard]] Flavour flavour() const { return options_.flavour; }

  // Asked from the servers. Leader: follows nobody and is writable. Down: also one that hangs, or is very late.
  [[nodiscard]] Role role(std::size_t index) const;
  // The only leader; throws DemoError when there is none or more than one.
  [[nodiscard]] std::size_t leader_index() const;
  [[nodiscard]] Node& leader() { return nodes_[leader_index()]; }

  void set_read_only(std::size_t index, bool read_only);
  // Every running replica has what the leader has now.
  void await_replicated();
  // Makes this replica the leader by hand. A leader that answers is set read-only first and its writes are awaited;
  // the other servers that answer follow the new leader.
  void promote(std::size_t index);
  // That (running) server follows the leader; returns when both replication threads run.
  void follow(std::size_t index, std::size_t leader);
  // Deletes a server's data and sets it up again from scratch as a replica of the present leader.
  void rejoin_fresh(std::size_t index);
  // One more server, as a replica from scratch; returns its index.
  std::size_t add_replica();

  void stop();  // all, cleanly
  void kill();  // all, at once

 private:
  [[nodiscard]] std::filesystem::path conf_file() const { return options_.folder / "cluster.conf"; }
  [[nodiscard]] std::filesystem::path data_template() const {
    return options_.data_template.empty() ? options_.folder / "template" : options_.data_template;
  }
  void load(const std::map<std::string, std::string>& conf);
  void save() const;
  Node& add_node(std::uint16_t port);
  void provision_empty(Node& node);
  [[nodiscard]] std::uint16_t pick_port(std::uint16_t preferred) const;
  void prepare();
  void avoid_taken_ports();
  void start_all(std::vector<bool>& fresh);
  [[nodiscard]] std::size_t find_leader(const std::vector<bool>& fresh) const;
  [[nodiscard]] bool follows(std::size_t index, std::size_t leader) const;
  void await_replication(std::size_t index);
  void await_semi_sync(std::size_t leader);
  void await_relay_log_applied(Sql& sql, std::size_t index);
  void seed(std::size_t index, std::size_t leader);
  [[nodiscard]] bool history_is_complete(std::size_t leader) const;
  void say(const std::string& line) const;

  ClusterOptions options_;
  std::shared_ptr<NodeContext> context_ = std::make_shared<NodeContext>();
  std::deque<Node> nodes_;
  std::size_t last_leader_ = 0;  // who led when the cluster was last changed through us
  bool prepared_ = false;
};

}  // namespace sluice::demo
