#include "admin/events.hpp"

#include <utility>

namespace sluice::admin {

void EventLog::add(std::uint64_t time_ms, proxy::Event event) {
  if (event.text.size() > text_max) event.text.resize(text_max);
  const std::lock_guard lock(mutex_);
  events_.push_back({++last_number_, time_ms, std::move(event)});
  if (events_.size() > events_max_) events_.pop_front();
}

std::vector<LoggedEvent> EventLog::all() const {
  const std::lock_guard lock(mutex_);
  return {events_.begin(), events_.end()};
}

const char* to_string(proxy::Severity severity) {
  switch (severity) {
    case proxy::Severity::info:
      return "info";
    case proxy::Severity::warning:
      return "warning";
    case proxy::Severity::error:
      return "error";
  }
  return "unknown";
}

}  // namespace sluice::admin
