// Ends connections of a server with KILL, over a session of ours: those that a query lists, and again until it lists
// none. A statement that was killed is over when its connection is no longer in the process list; one that can't be
// interrupted (STOP SLAVE that waits for its SQL thread) stays there until it has done what it was asked for.
//
// Flow: `auto ender = make_shared<ConnectionEnder>(io, session); ender->end_all(list_sql, deadline, done);` `stop()`,
// or letting go of it: `done` is not called any more. The session must stay open meanwhile and is not closed here.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "failover/workflows/server_session.hpp"

namespace sluice::failover {

class ConnectionEnder : public std::enable_shared_from_this<ConnectionEnder> {
 public:
  using TimePoint = ServerSession::TimePoint;
  using Done = std::function<void(const std::string& error)>;  // empty: none is left

  ConnectionEnder(boost::asio::io_context& io, std::shared_ptr<ServerSession> session);

  // `list_sql` gives their numbers in its only column. Past the deadline it fails and says how many are left.
  void end_all(std::string list_sql, TimePoint deadline, Done done);
  void stop() { stopped_ = true; }

 private:
  void list();
  void on_list(const DriverError& error, const std::vector<ResultTable>& tables);
  void kill_next();
  void finish(const std::string& error);

  std::shared_ptr<ServerSession> session_;
  boost::asio::steady_timer pause_;
  std::string list_sql_;
  TimePoint deadline_;
  Done done_;
  bool stopped_ = false;
  std::vector<std::uint64_t> to_kill_;
};

}  // namespace sluice::failover
