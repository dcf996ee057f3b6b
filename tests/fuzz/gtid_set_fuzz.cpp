// Up to three texts, separated by '|', as GTID sets: parsing overruns nothing, and sets behave like sets.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "protocol/gtid_set.hpp"

namespace {

using sluice::protocol::GtidOrder;
using sluice::protocol::GtidSet;

void require(bool condition) {
  if (!condition) std::abort();
}

void check_one(const GtidSet& x) {
  const auto again = GtidSet::parse(x.to_string());
  require(again && *again == x);
  require(x.contains(x) && x.minus(x).empty() && x.plus(x) == x);
  require(x.of_sources_in(x) == x && x.with_history(x) == x);
  require(x.empty() == (x.count() == 0));
}

void check_pair(const GtidSet& x, const GtidSet& y) {
  const auto rest = x.minus(y);
  require(rest.plus(y) == x.plus(y) && rest.plus(y).contains(x));
  require(x.contains(rest) && rest.minus(y) == rest);
  require(x.minus(rest) == y.minus(y.minus(x)));  // what both have
  require((x.contains(y) && y.contains(x)) == (x == y));
  require(x.with_history(y).contains(x) && x.plus(y).contains(x.with_history(y)));
  const auto order = compare(x, y);
  require((order == GtidOrder::behind) == (compare(y, x) == GtidOrder::ahead));
  if (x.contains(y)) require(x.by_domain().contains(y.by_domain()) && x.count() >= y.count());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<GtidSet> sets;
  while (sets.size() < 3) {
    const auto at = text.find('|');
    const auto set = GtidSet::parse(text.substr(0, at));
    if (set) sets.push_back(*set);
    if (at == std::string_view::npos) break;
    text.remove_prefix(at + 1);
  }
  for (const auto& x : sets) {
    check_one(x);
    for (const auto& y : sets) {
      check_pair(x, y);
      for (const auto& z : sets) {
        if (x.contains(y) && y.contains(z)) require(x.contains(z));
      }
    }
  }
  return 0;
}
