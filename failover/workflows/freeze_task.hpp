// Act::freeze: nobody writes to the server any more, and where it stays is told.
//
//   FLUSH TABLES WITH READ LOCK → read_only → transactions that have written are ended → position
//
// read_only does not stop accounts with SUPER (MariaDB: READ ONLY ADMIN); the lock stops everybody, and lasts as long
// as the session, which the actor keeps. It waits for statements that run, and all new writes wait behind it: so for a
// third of the time whatever runs may end by itself, then clients that hold locks in InnoDB are killed, over a second
// session. What still stands in the way then (ALTER TABLE, LOCK TABLES, on MySQL a long SELECT) makes the freeze fail.
// A transaction that waits with its COMMIT could commit in the moment in which the lock is lost: it is ended.
#pragma once

#include <memory>

#include "failover/workflows/connection_ender.hpp"
#include "failover/workflows/server_task.hpp"

namespace sluice::failover {

class FreezeTask : public ServerTask {
 public:
  FreezeTask(TaskPlace place, Login login);

 private:
  void begin() override;
  void on_stop() override;
  void help();
  void end_running();
  void on_locked();
  void end_writers();
  void tell_position();

  Login login_;
  std::shared_ptr<ServerSession> helper_;
  std::shared_ptr<ConnectionEnder> ender_;
};

}  // namespace sluice::failover
