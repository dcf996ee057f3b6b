// The last events that an operator may want to read, bounded. Workers and the control thread add; the admin reads.
//
// Flow: `log.add(now_ms, event)` from any thread; `log.all()` oldest first.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

#include "proxy/report.hpp"

namespace sluice::admin {

struct LoggedEvent {
  std::uint64_t number = 0;   // counts up from 1; gaps are events that were pushed out
  std::uint64_t time_ms = 0;  // since 1970, UTC
  proxy::Event event;
};

class EventLog {
 public:
  static constexpr std::size_t text_max = 1024;  // bytes of one event's text that are kept

  explicit EventLog(std::size_t events_max) : events_max_(events_max) {}

  void add(std::uint64_t time_ms, proxy::Event event);
  [[nodiscard]] std::vector<LoggedEvent> all() const { return after(0); }
  // Those with a higher number that are still kept.
  [[nodiscard]] std::vector<LoggedEvent> after(std::uint64_t number) const;

 private:
  const std::size_t events_max_;
  mutable std::mutex mutex_;
  std::deque<LoggedEvent> events_;
  std::uint64_t last_number_ = 0;
};

[[nodiscard]] const char* to_string(proxy::Severity severity);

}  // namespace sluice::admin
