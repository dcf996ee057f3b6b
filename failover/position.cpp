#include "failover/position.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sluice::failover {

namespace {

// Both kinds as one: by source (domain, or UUID in lower case) the transactions that are there, as closed intervals in
// order. MariaDB's "0-1-100" says that everything of domain 0 up to 100 is there.
using Interval = std::pair<std::uint64_t, std::uint64_t>;
using GtidSet = std::map<std::string, std::vector<Interval>, std::less<>>;

constexpr std::size_t uuid_length = 36;

std::string_view trimmed(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// The part before `separator`, taken off `text`; all of it if there is none.
std::string_view take_until(std::string_view& text, char separator) {
  const std::size_t at = text.find(separator);
  const std::string_view part = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return part;
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

bool add_mariadb(std::string_view text, GtidSet& set) {
  const std::string domain(take_until(text, '-'));
  const auto server = number(take_until(text, '-'));
  const auto sequence = number(text);
  if (!number(domain) || !server || !sequence) return false;
  set[domain].emplace_back(1, *sequence);
  return true;
}

bool add_mysql(std::string_view text, GtidSet& set) {
  std::string uuid(take_until(text, ':'));
  if (uuid.size() != uuid_length || text.empty()) return false;
  std::transform(uuid.begin(), uuid.end(), uuid.begin(),
                 [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c; });
  auto& intervals = set[uuid];
  while (!text.empty()) {
    std::string_view interval = take_until(text, ':');
    const auto first = number(take_until(interval, '-'));
    const auto last = interval.empty() ? first : number(interval);
    if (!first || !last || *last < *first) return false;
    intervals.emplace_back(*first, *last);
  }
  return true;
}

std::optional<GtidSet> parse(std::string_view text) {
  GtidSet set;
  text = trimmed(text);
  while (!text.empty()) {
    const std::string_view one = trimmed(take_until(text, ','));
    const bool mysql = one.find(':') != std::string_view::npos;
    if (!(mysql ? add_mysql(one, set) : add_mariadb(one, set))) return std::nullopt;
  }
  for (auto& [source, intervals] : set) {  // in order, and joined where they touch
    std::sort(intervals.begin(), intervals.end());
    std::vector<Interval> joined;
    for (const Interval& interval : intervals) {
      if (!joined.empty() && interval.first <= joined.back().second + 1) {
        joined.back().second = std::max(joined.back().second, interval.second);
      } else {
        joined.push_back(interval);
      }
    }
    intervals = std::move(joined);
  }
  return set;
}

bool covers(const std::vector<Interval>& have, const Interval& wanted) {
  return std::any_of(have.begin(), have.end(), [&](const Interval& interval) {
    return interval.first <= wanted.first && wanted.second <= interval.second;
  });
}

}  // namespace

bool position_contains(std::string_view have, std::string_view wanted) {
  const auto have_set = parse(have);
  const auto wanted_set = parse(wanted);
  if (!have_set || !wanted_set) return false;
  return std::all_of(wanted_set->begin(), wanted_set->end(), [&](const auto& entry) {
    const auto it = have_set->find(entry.first);
    return it != have_set->end() && std::all_of(entry.second.begin(), entry.second.end(),
                                                [&](const Interval& i) { return covers(it->second, i); });
  });
}

}  // namespace sluice::failover
