// What a probe asks a server by name: status and variables, of which some servers have more than others. Pure.
//
// Flow: `probe_values_query(kind)` is the text of one SELECT; `ProbeValues values(its table)`; then
// `values.semi_sync()`, `values.number<…>("uptime")`.
//
// Sources: MySQL 5.6 and 8.4 Reference Manual, "Server Status Variables", "Semisynchronous Replication"; MariaDB
// Knowledge Base, "Semisynchronous Replication", "Replication and Binary Log Status Variables".
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "failover/probe_script.hpp"

namespace sluice::failover {

// nullopt: NULL, or not a number and nothing else.
template <typename Number>
[[nodiscard]] std::optional<Number> parse_number(const std::string* text) {
  if (text == nullptr) return std::nullopt;
  Number value{};
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc{} || end != text->data() + text->size()) return std::nullopt;
  return value;
}

[[nodiscard]] std::string probe_values_query(const ServerKind& kind);

// Names in lower case and as servers had them before MySQL 8.0.26, with master and slave. A name that is missing: the
// server has no such thing.
class ProbeValues {
 public:
  explicit ProbeValues(const ResultTable& table);

  [[nodiscard]] const std::string* find(std::string_view name) const;
  template <typename Number>
  [[nodiscard]] std::optional<Number> number(std::string_view name) const {
    return parse_number<Number>(find(name));
  }
  [[nodiscard]] bool on(std::string_view name) const;

  // What instance_expression() gives, without another scan of the status. 0: not told.
  [[nodiscard]] std::uint64_t instance() const;
  [[nodiscard]] SemiSyncObservation semi_sync() const;

 private:
  std::vector<std::pair<std::string, std::string>> values_;
};

}  // namespace sluice::failover
