#include "failover/workflows/epoch_record.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>

namespace sluice::failover {
namespace {

namespace json = boost::json;

constexpr std::uint64_t format_version = 1;
constexpr std::size_t depth_max = 2;
constexpr std::size_t name_bytes_max = 1024;
constexpr std::array record_keys = {"version", "cluster", "epoch", "leader", "previous_leader", "change"};
constexpr std::array change_keys = {"from", "to", "since"};

// Reads one object; the first thing that is wrong is kept.
class Reader {
 public:
  Reader(const json::object& object, std::string& why) : object_(object), why_(why) {}

  template <std::size_t Size>
  void only(const std::array<const char*, Size>& keys) {
    for (const auto& [key, value] : object_) {
      if (std::find(keys.begin(), keys.end(), std::string_view(key)) == keys.end())
        wrong("it has a key that this version of sluice does not know");
    }
  }

  std::string name(const char* key, bool may_be_empty = false) {
    const auto* value = object_.if_contains(key);
    const auto* text = value != nullptr ? value->if_string() : nullptr;
    if (text == nullptr || text->size() > name_bytes_max || (text->empty() && !may_be_empty)) {
      wrong("\"" + std::string(key) + "\" is missing or not a text");
      return {};
    }
    return std::string(std::string_view(*text));
  }

  std::uint64_t number(const char* key) {
    const auto* value = object_.if_contains(key);
    boost::system::error_code error;
    const auto found = value != nullptr && value->is_number() ? value->to_number<std::uint64_t>(error) : 0;
    if (error || found == 0) wrong("\"" + std::string(key) + "\" is missing or not a number from 1 on");
    return error ? 0 : found;
  }

  const json::object* object(const char* key) {
    const auto* value = object_.if_contains(key);
    if (value == nullptr) return nullptr;
    if (!value->is_object()) wrong("\"" + std::string(key) + "\" is not an object");
    return value->if_object();
  }

 private:
  void wrong(std::string what) {
    if (why_.empty()) why_ = std::move(what);
  }

  const json::object& object_;
  std::string& why_;
};

EpochRecord read(const json::object& object, std::string& why) {
  EpochRecord record;
  Reader reader(object, why);
  if (reader.number("version") != format_version && why.empty()) why = "it was written by a newer version of sluice";
  reader.only(record_keys);
  record.cluster = reader.name("cluster");
  record.epoch = reader.number("epoch");
  record.previous_leader = reader.name("previous_leader", true);
  record.leader = reader.name("leader", !record.previous_leader.empty());
  if (const auto* change = reader.object("change")) {
    Reader inner(*change, why);
    inner.only(change_keys);
    record.change = LeaderChange{inner.name("from"), inner.name("to"), inner.name("since")};
  }
  return record;
}

}  // namespace

std::string format(const EpochRecord& record) {
  json::object object{{"version", format_version},
                      {"cluster", record.cluster},
                      {"epoch", record.epoch},
                      {"leader", record.leader},
                      {"previous_leader", record.previous_leader}};
  if (const auto& change = record.change)
    object["change"] = json::object{{"from", change->from}, {"to", change->to}, {"since", change->since}};
  return json::serialize(object) + "\n";
}

std::optional<EpochRecord> parse_epoch_record(std::string_view text, std::string& why) {
  why.clear();
  if (text.size() > epoch_record_bytes_max) {
    why = "it is longer than any record";
    return std::nullopt;
  }
  json::parse_options options;
  options.max_depth = depth_max;
  boost::system::error_code error;
  const json::value value = json::parse(text, error, {}, options);
  if (error) {
    why = "it is no JSON: " + error.message();
    return std::nullopt;
  }
  if (!value.is_object()) {
    why = "it is no JSON object";
    return std::nullopt;
  }
  auto record = read(value.get_object(), why);
  return why.empty() ? std::optional(std::move(record)) : std::nullopt;
}

}  // namespace sluice::failover
