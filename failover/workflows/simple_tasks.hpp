// Act::thaw, Act::await_position and Act::read_state: one question each; and one task that is no act of a workflow.
#pragma once

#include <string>

#include "failover/workflows/server_task.hpp"

namespace sluice::failover {

// Writable before the lock goes: who waits for it gets through, and not an error.
class ThawTask : public ServerTask {
 public:
  using ServerTask::ServerTask;

 private:
  void begin() override;
};

class ReadStateTask : public ServerTask {
 public:
  using ServerTask::ServerTask;

 private:
  void begin() override;
};

class AwaitPositionTask : public ServerTask {
 public:
  AwaitPositionTask(TaskPlace place, std::string position);

 private:
  void begin() override;

  std::string position_;
};

// Replicas that ask a server for what comes after a GTID are read to from the beginning of the file that has it. All of
// them ask at once when it has become the leader, and clients notice: then that file is to be a short one.
class BeginLogFileTask : public ServerTask {
 public:
  using ServerTask::ServerTask;

 private:
  void begin() override;
};

}  // namespace sluice::failover
