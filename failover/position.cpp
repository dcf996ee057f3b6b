#include "failover/position.hpp"

#include "protocol/gtid_set.hpp"

namespace sluice::failover {

bool position_contains(std::string_view have, std::string_view wanted) {
  const auto have_set = protocol::GtidSet::parse(have);
  const auto wanted_set = protocol::GtidSet::parse(wanted);
  return have_set && wanted_set && have_set->by_domain().contains(wanted_set->by_domain());
}

}  // namespace sluice::failover
