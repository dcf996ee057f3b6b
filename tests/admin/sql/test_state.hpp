// A fixed state and a source that gives it, for the tests of the admin's doors.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <memory>
#include <utility>
#include <vector>

#include "admin/state.hpp"

namespace sluice::admin::test {

inline failover::ServerState server(std::string name, failover::Role role, bool healthy, std::string why) {
  failover::ServerState s;
  s.name = std::move(name);
  s.role = role;
  s.healthy = healthy;
  s.why = std::move(why);
  s.seen.reachable = healthy;
  s.seen.position = "0-1-42";
  s.seen.version = "10.11.6-MariaDB";
  s.seen.read_only = role == failover::Role::replica;
  return s;
}

inline AdminState fixed_state() {
  AdminState state;
  state.process = {"0.1.0",          4242,     "epoll",   "asked for",       2,
                   "127.0.0.1:6033", "s.toml", "running", 1'700'000'000'123, 65'000};
  failover::ClusterState cluster;
  cluster.cluster = "main";
  cluster.leader = 0;
  cluster.reason = "the only writable server";
  cluster.servers = {server("127.0.0.1:1", failover::Role::leader, true, "takes writes"),
                     server("127.0.0.1:2", failover::Role::replica, true, "replicates from 127.0.0.1:1"),
                     server("127.0.0.1:3", failover::Role::replica, false, "unreachable: refused")};
  cluster.servers[1].lag_ms = 7;
  state.clusters.push_back(cluster);
  failover::ClusterState headless;
  headless.cluster = "spare";
  headless.reason = "no server answers";
  state.clusters.push_back(headless);
  state.report.counters.clients_accepted = 11;
  state.report.clients = 2;
  state.report.hold_longest_ms = 41;
  state.report.gates.push_back(
      {.cluster = "main", .state = proxy::GateState::closed, .waiting = 5, .open = 2, .closed_ms = 80});
  state.report.gates.push_back({.cluster = "spare", .state = {}, .waiting = 0, .open = 0, .closed_ms = 0});
  proxy::SessionRow session;
  session.id = 5;
  session.client = "127.0.0.1:51234";
  session.user = "app";
  session.cluster = "main";
  session.state = "idle";
  session.pin = "user variable";
  state.report.sessions.push_back(session);
  session.id = 6;
  session.pin.clear();
  session.state = "running";
  state.report.sessions.push_back(session);
  state.report.pools.push_back({.worker = 0,
                                .cluster = "main",
                                .server = "127.0.0.1:1",
                                .user = "app",
                                .connecting = 0,
                                .idle = 3,
                                .busy = 1,
                                .kept = 2,
                                .waiting = 0,
                                .limit = 100,
                                .statements = 99});
  state.events.push_back({1, 1'700'000'000'123, {proxy::Severity::warning, "backend_lost", "127.0.0.1:3 reset"}});
  ChangeReport change;
  change.number = 1;
  change.begun_ms = 1'700'000'000'123;
  change.cluster = "main";
  change.kind = "switchover";
  change.from = "127.0.0.1:1";
  change.to = "127.0.0.1:2";
  change.epoch = 7;
  change.outcome = "rolled back";
  change.reason = "127.0.0.1:1 goes on leading";
  change.took_ms = 12;
  change.steps = {{"hold 127.0.0.1:1", true, "", std::chrono::microseconds(300)},
                  {"freeze 127.0.0.1:1", false, "it failed", std::chrono::microseconds(5)}};
  state.changes.push_back(change);
  state.maintenance = {{false, true, false}};
  Config config;
  config.admin.secret.password = "adm1n-pw";
  config.clusters.emplace_back().name = "main";
  config.clusters.back().monitor_secret.password = "m0nitor-pw";
  config.users.emplace_back().name = "app";
  config.users.back().secret.password = "us3r-pw";
  state.settings = list_settings(config);
  return state;
}

class FixedSource : public StateSource {
 public:
  explicit FixedSource(boost::asio::io_context& io) : io_(io) {}

  void gather(Gathered done) override {
    boost::asio::post(io_, [state = state_, done = std::move(done)] { done(state); });
  }
  void kill(std::uint32_t session) override { killed.push_back(session); }
  void shutdown() override { shut_down = true; }
  void carry_out(Order order, ChangeDone done) override {
    ordered.push_back(order);
    boost::asio::post(io_, [change = change, done = std::move(done)] { done(change); });
  }

  std::vector<std::uint32_t> killed;
  bool shut_down = false;
  std::vector<Order> ordered;
  ChangeReport change;  // what comes of the next one

 private:
  boost::asio::io_context& io_;
  std::shared_ptr<const AdminState> state_ = std::make_shared<AdminState>(fixed_state());
};

}  // namespace sluice::admin::test
