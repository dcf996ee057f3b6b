#include "failover/action.hpp"

namespace sluice::failover {

std::string_view to_string(Act act) {
  switch (act) {
    case Act::hold:
      return "hold";
    case Act::cut:
      return "cut";
    case Act::release:
      return "release";
    case Act::record:
      return "record";
    case Act::freeze:
      return "freeze";
    case Act::thaw:
      return "thaw";
    case Act::await_position:
      return "await_position";
    case Act::promote:
      return "promote";
    case Act::follow:
      return "follow";
    case Act::run_hook:
      return "run_hook";
    case Act::depose:
      return "depose";
    case Act::stop_io:
      return "stop_io";
    case Act::start_io:
      return "start_io";
    case Act::apply_relay_log:
      return "apply_relay_log";
    case Act::read_state:
      return "read_state";
  }
  return "?";
}

std::string describe(const Action& action, const std::vector<std::string>& names) {
  std::string text(to_string(action.act));
  if (action.act == Act::run_hook) return text + " " + action.hook;
  text += " " + names[action.server];
  if (action.act == Act::follow) text += " -> " + names[action.source];
  if (action.act == Act::record || action.act == Act::release || action.act == Act::depose)
    text += " under epoch " + std::to_string(action.epoch);
  return text;
}

std::string what_failed(const Action& action, const std::vector<std::string>& names) {
  const auto& server = names[action.server];
  switch (action.act) {
    case Act::hold:
      return server + " was not drained";
    case Act::cut:
      return "what is open on " + server + " could not be ended";
    case Act::release:
      return "the gate could not be opened";
    case Act::record:
      return "it could not be recorded that " + server + " leads";
    case Act::freeze:
      return server + " could not be made read-only";
    case Act::thaw:
      return server + " could not be made writable again";
    case Act::await_position:
      return server + " did not catch up";
    case Act::promote:
      return server + " could not be promoted";
    case Act::follow:
      return server + " does not follow " + names[action.source];
    case Act::run_hook:
      return "the hook " + action.hook + " failed";
    case Act::depose:
      return "it could not be recorded that " + server + " leads no more";
    case Act::stop_io:
      return server + " could not be kept from receiving more";
    case Act::start_io:
      return server + " could not be told to receive again";
    case Act::apply_relay_log:
      return server + " did not apply what it has received";
    case Act::read_state:
      return server + " does not tell what it has";
  }
  return "?";
}

}  // namespace sluice::failover
