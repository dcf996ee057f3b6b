// What sluice knows of a cluster across its own restarts: who leads, under which epoch, and whether a change of leader
// was under way. Pure: text out, text in.
//
// Flow: `format(record)` is what the file holds; `parse_epoch_record(text, &why)` reads it back. The file itself:
// epoch_record_file.hpp.
//
// A JSON object: {"version": 1, "cluster": "main", "epoch": 8, "leader": "db2:3306", "previous_leader": "db1:3306",
// "change": {"from": "db1:3306", "to": "db2:3306", "since": "2026-01-31 12:00:03 UTC"}}; without a change under way
// there is no "change". Without a leader, "leader" is "": `previous_leader` was deposed under
// this epoch, and nobody leads. Names are those of the configuration. Anything else is refused, keys that are not known
// too: a newer sluice may have meant something by them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::failover {

struct LeaderChange {
  std::string from;
  std::string to;
  std::string since;  // for operators, "2026-01-31 12:00:03 UTC"
  friend bool operator==(const LeaderChange&, const LeaderChange&) = default;
};

struct EpochRecord {
  std::string cluster;
  std::uint64_t epoch = 0;
  std::string leader;                  // empty: nobody; previous_leader was deposed
  std::string previous_leader;         // empty: none is known
  std::optional<LeaderChange> change;  // begun, and its end was not recorded
  friend bool operator==(const EpochRecord&, const EpochRecord&) = default;
};

inline constexpr std::size_t epoch_record_bytes_max = 64UL << 10;

[[nodiscard]] std::string format(const EpochRecord& record);
// nullopt: `why` says what is wrong, without the name of the file.
[[nodiscard]] std::optional<EpochRecord> parse_epoch_record(std::string_view text, std::string& why);

}  // namespace sluice::failover
