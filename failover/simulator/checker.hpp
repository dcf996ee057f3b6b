// What must hold whatever happens. The world tells it what happens; the first breach is kept, in words.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "failover/simulator/server.hpp"

namespace sluice::failover::simulator {

class Checker {
 public:
  explicit Checker(Loss loss) : loss_(loss) {}

  // The gate lets clients through to `server`.
  void released(Tick now, std::size_t server, std::uint64_t epoch, const std::vector<Server>& servers,
                const Transactions& all);
  // A client's statement, let through under `epoch`, was executed by `server`.
  void wrote(Tick now, std::size_t server, std::uint64_t epoch);
  // Its client was told that it is there.
  void acknowledged(Tick now, std::size_t server, std::uint64_t epoch);
  // `follower` replicates from `source` on the order of the supervisor. Something may have come at the last moment:
  // that is found out later, and looked at in the end.
  void follows(Tick now, std::size_t follower, std::size_t source, const std::vector<Server>& servers,
               const Transactions& all);
  void forget_epochs();
  void breach(Tick now, const std::string& what);

  [[nodiscard]] const std::optional<std::string>& breached() const { return breach_; }
  [[nodiscard]] Tick breached_at() const { return breached_at_; }
  // A release came with something acknowledged missing, under a policy that allows it: it has to be reported.
  [[nodiscard]] bool owes_report() const { return owes_report_; }
  [[nodiscard]] std::uint64_t releases() const { return releases_; }

 private:
  Loss loss_;
  std::map<std::uint64_t, std::size_t> led_;  // by epoch
  std::map<std::uint64_t, std::size_t> wrote_;
  std::uint64_t releases_ = 0;
  bool owes_report_ = false;
  std::optional<std::string> breach_;
  Tick breached_at_ = 0;
};

}  // namespace sluice::failover::simulator
