// The words of the notations in testdata/: servers are A, B, … in their order, and a setting is `name=value`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace sluice::failover::testing {

inline std::size_t index_of(const std::string& server) { return static_cast<std::size_t>(server.at(0) - 'A'); }

inline std::string value_of(const std::string& setting) { return setting.substr(setting.find('=') + 1); }

inline std::uint32_t number_in(const std::string& setting) {
  return static_cast<std::uint32_t>(std::stoul(value_of(setting)));
}

}  // namespace sluice::failover::testing
