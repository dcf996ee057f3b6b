// Any bytes under any dialect: the classifier answers, keeps its promises, and agrees with itself.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "router/classify.hpp"
#include "router/digest.hpp"

namespace {

using namespace sluice::router;

void check(bool holds) {
  if (!holds) std::abort();
}

Dialect dialect_of(std::uint8_t bits) {
  static constexpr std::uint32_t versions[] = {0, 50624, 80036, 101100};
  Dialect d;
  d.ansi_quotes = (bits & 1U) != 0;
  d.no_backslash_escapes = (bits & 2U) != 0;
  d.mariadb = (bits & 4U) != 0;
  d.server_version = versions[(bits >> 3U) & 3U];
  d.ascii_safe = (bits & 32U) != 0;
  d.utf8 = (bits & 64U) != 0;
  return d;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Dialect dialect = dialect_of(data[0]);
  const std::string_view sql(reinterpret_cast<const char*>(data) + 1, size - 1);

  const Classification c = classify(sql, dialect);
  check(c.reason.empty() == c.replica_safe);
  if (c.replica_safe) {
    check(!any(c.pin) && !c.needs.last_insert_id && !c.needs.diagnostics && !c.sets_last_insert_id);
    check(c.kind == StatementKind::select || c.kind == StatementKind::show || c.kind == StatementKind::explain ||
          c.kind == StatementKind::set || c.kind == StatementKind::use || c.kind == StatementKind::begin);
  }
  check(!(c.sets_autocommit_off && c.sets_autocommit_on));
  check(c.schema.empty() || (c.schema.data() >= sql.data() && c.schema.data() + c.schema.size() <= sql.data() + size));
  for (const Assignment& a : c.assignments) check(!a.name.empty() && a.name.size() <= 64 && a.value.size() <= 4200);

  check(normalize(sql, dialect, 200).size() <= 200);
  check(digest(sql, dialect) == digest(sql, dialect));
  return 0;
}
