#include "protocol/gtid_set.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <utility>

namespace sluice::protocol {
namespace {

constexpr std::size_t uuid_length = 36;
constexpr std::size_t tag_length_max = 32;
constexpr std::uint64_t mysql_number_max = std::numeric_limits<std::int64_t>::max();

std::string_view trimmed(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// The parts of a text between separators, trimmed, one after another. A text without a separator is one part.
class Parts {
 public:
  Parts(std::string_view text, char separator) : text_(text), separator_(separator) {}

  std::optional<std::string_view> next() {
    if (over_) return std::nullopt;
    const std::size_t at = text_.find(separator_);
    const auto part = trimmed(text_.substr(0, at));
    over_ = at == std::string_view::npos;
    if (!over_) text_.remove_prefix(at + 1);
    return part;
  }

 private:
  std::string_view text_;
  char separator_;
  bool over_ = false;
};

template <typename Number>
std::optional<Number> number(std::optional<std::string_view> text) {
  Number value = 0;
  if (!text) return std::nullopt;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc{} || end != text->data() + text->size()) return std::nullopt;
  return value;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_uuid(std::string_view text) {
  if (text.size() != uuid_length) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !(is_digit(text[i]) || (text[i] >= 'a' && text[i] <= 'f'))) return false;
  }
  return true;
}

bool is_tag(std::string_view text) {
  const auto may_begin = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  return !text.empty() && text.size() <= tag_length_max && may_begin(text.front()) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return may_begin(c) || is_digit(c); });
}

}  // namespace

class GtidSet::Parser {
 public:
  std::optional<GtidSet> parse(std::string_view text) {
    if (trimmed(text).empty()) return GtidSet();
    Parts items(text, ',');
    while (const auto item = items.next()) {
      const auto kind = item->find(':') == std::string_view::npos ? GtidKind::mariadb : GtidKind::mysql;
      if (kind_ != GtidKind::none && kind_ != kind) return std::nullopt;
      kind_ = kind;
      if (!(kind == GtidKind::mysql ? add_mysql(*item) : add_mariadb(*item))) return std::nullopt;
    }
    return GtidSet(std::move(ranges_));
  }

 private:
  bool add(const Source& source, std::uint64_t first, std::uint64_t last) {
    if (ranges_.size() == ranges_max) return false;
    ranges_.push_back({source, first, last});
    return true;
  }

  bool add_mariadb(std::string_view item) {
    Parts parts(item, '-');
    const auto domain = number<std::uint32_t>(parts.next());
    const auto server = number<std::uint32_t>(parts.next());
    const auto last = number<std::uint64_t>(parts.next());
    if (!domain || !server || !last || parts.next()) return false;
    return *last == 0 || add({*domain, *server, {}}, 1, *last);  // number 0: nothing was written yet
  }

  bool add_mysql(std::string_view item) {
    Parts parts(item, ':');
    const std::string uuid = lower(*parts.next());
    if (!is_uuid(uuid)) return false;
    Source source{0, 0, uuid};
    bool has_interval = false;  // since the UUID or the last tag
    bool has_tag = false;
    while (const auto part = parts.next()) {
      if (const auto tag = lower(*part); is_tag(tag)) {
        if (has_tag && !has_interval) return false;
        source.uuid.assign(uuid).append(":").append(tag);
        has_tag = true;
        has_interval = false;
        continue;
      }
      if (!add_interval(source, *part)) return false;
      has_interval = true;
    }
    return has_interval;
  }

  bool add_interval(const Source& source, std::string_view text) {
    Parts parts(text, '-');
    const auto first = number<std::uint64_t>(parts.next());
    const auto to = parts.next();
    const auto last = to ? number<std::uint64_t>(to) : first;
    if (!first || !last || parts.next()) return false;
    if (*first == 0 || *last < *first || *last > mysql_number_max) return false;
    return add(source, *first, *last);
  }

  GtidKind kind_ = GtidKind::none;
  Ranges ranges_;
};

std::optional<GtidSet> GtidSet::parse(std::string_view text) { return Parser().parse(text); }

GtidSet::GtidSet(Ranges ranges) {
  std::sort(ranges.begin(), ranges.end());
  for (auto& range : ranges) {
    Range* before = ranges_.empty() ? nullptr : &ranges_.back();
    if (before != nullptr && before->source == range.source && range.first - 1 <= before->last) {
      before->last = std::max(before->last, range.last);
    } else {
      ranges_.push_back(std::move(range));
    }
  }
}

GtidKind GtidSet::kind() const {
  if (ranges_.empty()) return GtidKind::none;
  const auto kind = [](const Range& range) { return range.source.uuid.empty() ? GtidKind::mariadb : GtidKind::mysql; };
  const auto same = [&](const Range& range) { return kind(range) == kind(ranges_.front()); };
  return std::all_of(ranges_.begin(), ranges_.end(), same) ? kind(ranges_.front()) : GtidKind::mixed;
}

GtidSet GtidSet::minus(const GtidSet& other) const {
  GtidSet result;
  auto taken = other.ranges_.begin();
  const auto end = other.ranges_.end();
  for (const Range& range : ranges_) {
    const auto precedes = [&](const Range& r) {
      return r.source < range.source || (r.source == range.source && r.last < range.first);
    };
    while (taken != end && precedes(*taken)) ++taken;
    std::uint64_t first = range.first;
    bool over = false;
    // The last one taken off may reach into the next range: `taken` stays where it is.
    for (auto it = taken; !over && it != end && it->source == range.source && it->first <= range.last; ++it) {
      if (it->first > first) result.ranges_.push_back({range.source, first, it->first - 1});
      over = it->last >= range.last;
      if (!over) first = it->last + 1;
    }
    if (!over) result.ranges_.push_back({range.source, first, range.last});
  }
  return result;
}

GtidSet GtidSet::plus(const GtidSet& other) const {
  Ranges all = ranges_;
  all.insert(all.end(), other.ranges_.begin(), other.ranges_.end());
  return GtidSet(std::move(all));
}

std::uint64_t GtidSet::count() const {
  std::uint64_t count = 0;
  for (const Range& range : ranges_) {
    const std::uint64_t length = range.last - range.first + 1;
    if (length > std::numeric_limits<std::uint64_t>::max() - count) return std::numeric_limits<std::uint64_t>::max();
    count += length;
  }
  return count;
}

std::string GtidSet::to_string(std::size_t ranges_shown) const {
  std::string text;
  const Source* source = nullptr;
  for (std::size_t i = 0; i < ranges_.size(); ++i) {
    const Range& range = ranges_[i];
    if (i == ranges_shown) return text + " and " + std::to_string(ranges_.size() - i) + " more";
    const bool another = source == nullptr || *source != range.source;
    if (another && source != nullptr) text += ',';
    if (range.source.uuid.empty()) {
      if (!another) text += ',';
      text += std::to_string(range.source.domain) + "-" + std::to_string(range.source.server) + "-";
      text += (range.first == 1 ? std::string() : std::to_string(range.first) + "..") + std::to_string(range.last);
    } else {
      if (another) text += range.source.uuid;
      text += ":" + std::to_string(range.first);
      if (range.last != range.first) text += "-" + std::to_string(range.last);
    }
    source = &range.source;
  }
  return text;
}

GtidSet GtidSet::written_by(std::uint32_t server_id, std::string_view server_uuid) const {
  GtidSet result;
  const std::string uuid = lower(server_uuid);
  for (const Range& range : ranges_) {
    const Source& source = range.source;
    const bool is_it = source.uuid.empty() ? server_id != 0 && source.server == server_id
                                           : !uuid.empty() && source.uuid.substr(0, uuid_length) == uuid;
    if (is_it) result.ranges_.push_back(range);
  }
  return result;
}

GtidSet GtidSet::of_sources_in(const GtidSet& other) const {
  GtidSet result;
  auto it = other.ranges_.begin();
  for (const Range& range : ranges_) {
    while (it != other.ranges_.end() && it->source < range.source) ++it;
    if (it != other.ranges_.end() && it->source == range.source) result.ranges_.push_back(range);
  }
  return result;
}

GtidSet GtidSet::last_of_each_source() const {
  GtidSet result;
  for (const Range& range : ranges_) {
    if (result.ranges_.empty() || result.ranges_.back().source != range.source) result.ranges_.push_back(range);
    result.ranges_.back().first = result.ranges_.back().last = range.last;
  }
  return result;
}

GtidSet GtidSet::by_domain() const {
  Ranges ranges = ranges_;
  for (Range& range : ranges) range.source.server = 0;
  return GtidSet(std::move(ranges));
}

GtidSet GtidSet::with_history(const GtidSet& log) const {
  std::map<std::uint32_t, std::uint64_t> reached;  // by domain: the last number that both have
  for (const Range& range : minus(minus(log)).ranges_) {
    auto& last = reached[range.source.domain];
    if (range.source.uuid.empty()) last = std::max(last, range.last);
  }
  Ranges ranges = ranges_;
  for (const Range& past : log.ranges_) {
    const auto it = reached.find(past.source.domain);
    if (!past.source.uuid.empty() || it == reached.end() || past.first > it->second) continue;
    ranges.push_back({past.source, past.first, std::min(past.last, it->second)});
  }
  return GtidSet(std::move(ranges));
}

GtidOrder compare(const GtidSet& a, const GtidSet& b) {
  const bool has_all = a.contains(b);
  if (b.contains(a)) return has_all ? GtidOrder::equal : GtidOrder::behind;
  return has_all ? GtidOrder::ahead : GtidOrder::diverged;
}

}  // namespace sluice::protocol
