// Act::thaw, Act::await_position and Act::read_state: one question each.
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

}  // namespace sluice::failover
