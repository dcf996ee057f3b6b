// Sets of transactions, as servers name what they have executed: MariaDB's and MySQL's GTIDs behind one interface.
// Pure.
//
// Flow: `auto a = GtidSet::parse(text)` of what each server says; `a->contains(*b)`, `a->minus(*b).to_string()`.
//
// MariaDB: "0-1-100,0-2-105,1-1-5", domain, server id and number (knowledge base, "Global Transaction ID"). Here it
// stands for everything that this server wrote in this domain up to the number, so it has to be gtid_binlog_state:
// 0-1-101 and 0-2-101 are two transactions, and a position tells the last of a domain only.
// MySQL: "uuid:1-5:7,uuid2:tag:3", sources and intervals (reference manual, "GTID Format and Storage").
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::protocol {

enum class GtidKind : std::uint8_t { none, mariadb, mysql, mixed };  // none: nothing is in the set
enum class GtidOrder : std::uint8_t { equal, behind, ahead, diverged };

class GtidSet {
 public:
  GtidSet() = default;  // nothing

  // What one text may hold: intervals, or numbers of one server in one domain. More than any healthy server has.
  static constexpr std::size_t ranges_max = 4096;

  // nullopt: not a set of GTIDs, numbers that no server has, both kinds in one text, or more than `ranges_max`.
  [[nodiscard]] static std::optional<GtidSet> parse(std::string_view text);

  [[nodiscard]] bool empty() const { return ranges_.empty(); }
  [[nodiscard]] GtidKind kind() const;
  [[nodiscard]] bool contains(const GtidSet& other) const { return other.minus(*this).empty(); }
  [[nodiscard]] GtidSet minus(const GtidSet& other) const;
  [[nodiscard]] GtidSet plus(const GtidSet& other) const;

  // How many transactions these are. MariaDB numbers the servers of a domain together, so "0-1-5,0-2-7" counts as 12
  // where 7 were written: an upper bound there. Stops at the largest number.
  [[nodiscard]] std::uint64_t count() const;

  // As the servers write it. What MariaDB has no notation for, a part that does not begin at the first transaction, is
  // shown as "0-1-101..105", which parse() refuses. Past `ranges_shown` it says how many are left out.
  [[nodiscard]] std::string to_string(std::size_t ranges_shown = static_cast<std::size_t>(-1)) const;

  // Those that this server wrote; the id counts for MariaDB, the UUID for MySQL. Not known (0, ""): none.
  [[nodiscard]] GtidSet written_by(std::uint32_t server_id, std::string_view server_uuid) const;
  // Those whose source (domain and server id, or UUID and tag) occurs in `other`, whatever their numbers.
  [[nodiscard]] GtidSet of_sources_in(const GtidSet& other) const;
  // Of each source that occurs here only its transaction with the highest number.
  [[nodiscard]] GtidSet last_of_each_source() const;
  // What positions mean, and not sets: of a domain everything up to the number, whoever wrote it. MySQL: the same set.
  [[nodiscard]] GtidSet by_domain() const;
  // A MariaDB server that was restored from a backup lists only what it logged since. Whoever has one of the
  // transactions of `log`, the whole of a server that got them in order, has what precedes it there in its domain: the
  // numbers of a domain ascend, as gtid_strict_mode demands and replication by position relies on. MySQL: the same set.
  [[nodiscard]] GtidSet with_history(const GtidSet& log) const;

  friend bool operator==(const GtidSet&, const GtidSet&) = default;

 private:
  struct Source {
    std::uint32_t domain = 0;
    std::uint32_t server = 0;
    std::string uuid;  // MySQL, in lower case, ":tag" behind it if there is one; empty: MariaDB
    friend auto operator<=>(const Source&, const Source&) = default;
  };
  struct Range {
    Source source;
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    friend auto operator<=>(const Range&, const Range&) = default;
  };
  using Ranges = std::vector<Range>;
  class Parser;

  explicit GtidSet(Ranges ranges);

  Ranges ranges_;  // in order; those of one source neither overlap nor touch
};

// How `a` stands to `b`: behind, if b has everything of a and more.
[[nodiscard]] GtidOrder compare(const GtidSet& a, const GtidSet& b);

}  // namespace sluice::protocol
