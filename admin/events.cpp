#include "admin/events.hpp"

#include <iterator>
#include <utility>

namespace sluice::admin {

void EventLog::add(std::uint64_t time_ms, proxy::Event event) {
  if (event.text.size() > text_max) event.text.resize(text_max);
  const std::lock_guard lock(mutex_);
  events_.push_back({++last_number_, time_ms, std::move(event)});
  if (events_.size() > events_max_) events_.pop_front();
}

std::vector<LoggedEvent> EventLog::after(std::uint64_t number) const {
  const std::lock_guard lock(mutex_);
  auto first = events_.end();
  while (first != events_.begin() && std::prev(first)->number > number) --first;
  return {first, events_.end()};
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
