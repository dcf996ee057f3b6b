// The text of an epoch record: whatever is in the file, it is read or refused with a reason, and what is read is
// written and read back as the same.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "failover/workflows/epoch_record.hpp"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using sluice::failover::parse_epoch_record;
  std::string why;
  const auto record = parse_epoch_record({reinterpret_cast<const char*>(data), size}, why);
  require(record.has_value() == why.empty());
  if (!record) return 0;
  const auto again = parse_epoch_record(format(*record), why);
  require(again && *again == *record);
  return 0;
}
