// Act::stop_io and Act::start_io: the channels from the cluster receive nothing more, or go on. What applies is left as
// it is.
//
//   STOP SLAVE IO_THREAD → (MySQL before 5.7.6: until what came last is applied, for half of the time) → state
//   state → START SLAVE IO_THREAD
//
// MySQL before 5.7.6 tells that a transaction was received when it has a part of it. Whoever applies it has the whole
// of it, so that is waited for; what is still in doubt then is left out of `received`.
//
// MariaDB throws its relay log away when one of the threads starts while neither runs, and fetches it again. So it is
// not told to receive again while what it has received can't be applied: nobody else may have it any more.
#pragma once

#include "failover/workflows/server_task.hpp"

namespace sluice::failover {

class StopIoTask : public ServerTask {
 public:
  StopIoTask(TaskPlace place, Login login);

 private:
  void begin() override;
  void tell_state();

  Login login_;
  ServerSession::TimePoint doubt_until_;
};

class StartIoTask : public ServerTask {
 public:
  StartIoTask(TaskPlace place, Login login);

 private:
  void begin() override;

  Login login_;
};

}  // namespace sluice::failover
