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
  }
  return "?";
}

}  // namespace sluice::failover
