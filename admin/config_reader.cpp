#include "admin/config_reader.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <utility>

#include "admin/nearest.hpp"

namespace sluice::admin {
namespace {

std::string_view type_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a floating-point number";
    case toml::node_type::boolean:
      return "a boolean";
    default:
      return "a date or time";
  }
}

bool numeric_address(const std::string& host) {
  in6_addr address{};
  return inet_pton(AF_INET, host.c_str(), &address) == 1 || inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

std::string quoted_list(std::span<const std::string_view> words, std::string_view quote) {
  std::string out;
  for (const auto& word : words) {
    if (!out.empty()) out += ", ";
    out.append(quote).append(word).append(quote);
  }
  return out;
}

std::string examples(Unit unit) {
  switch (unit) {
    case Unit::milliseconds:
      return "a whole number of milliseconds, or a string such as \"500ms\", \"10s\" or \"5m\"";
    case Unit::bytes:
      return "a whole number of bytes, or a string such as \"256KiB\" or \"1MiB\"";
    case Unit::none:
      break;
  }
  return "a whole number";
}

}  // namespace

void ReaderContext::add(Position at, std::string text, bool warning) {
  if (!full()) problems.push_back({warning, file, at, std::move(text)});
}

Position position_of(const toml::node& node) {
  const auto& begin = node.source().begin;
  return {begin.line, begin.column};
}

SectionReader::SectionReader(const toml::table& table, std::string title, ReaderContext& context)
    : table_(table), title_(std::move(title)), context_(context) {}

const toml::node* SectionReader::find(std::string_view key) {
  known_.push_back(key);
  return table_.get(key);
}

Position SectionReader::where(std::string_view key) const {
  const toml::node* node = table_.get(key);
  return position_of(node != nullptr ? *node : table_);
}

std::string SectionReader::called(std::string_view key) const { return "'" + std::string(key) + "' in " + title_; }

void SectionReader::error(std::string_view key, std::string text) { context_.add(where(key), std::move(text)); }

void SectionReader::warning(std::string_view key, std::string text) { context_.add(where(key), std::move(text), true); }

void SectionReader::wrong_type(std::string_view key, const toml::node& found, std::string_view wanted) {
  context_.add(position_of(found),
               called(key) + " is " + std::string(type_name(found)) + "; write " + std::string(wanted));
}

void SectionReader::number(std::string_view key, std::uint64_t& value, Unit unit, Range range) {
  const toml::node* node = find(key);
  if (node == nullptr) return;
  std::optional<std::uint64_t> read;
  bool negative = false;
  if (const auto* integer = node->as_integer()) {
    negative = integer->get() < 0;
    if (!negative) read = static_cast<std::uint64_t>(integer->get());
  } else if (const auto* string = node->as_string(); string != nullptr && unit != Unit::none) {
    read = parse_quantity(string->get(), unit);
    if (!read) {
      return error(key, called(key) + " is \"" + printable(string->get()) + "\"; write " + examples(unit));
    }
  } else {
    return wrong_type(key, *node, examples(unit));
  }
  if (negative || *read < range.min || *read > range.max) {
    return error(key, called(key) + " is out of range; write a value from " + format_quantity(range.min, unit) +
                          " to " + format_quantity(range.max, unit));
  }
  value = *read;
}

void SectionReader::flag(std::string_view key, bool& value) {
  const toml::node* node = find(key);
  if (node == nullptr) return;
  const auto* boolean = node->as_boolean();
  if (boolean == nullptr) return wrong_type(key, *node, "true or false");
  value = boolean->get();
}

void SectionReader::text(std::string_view key, std::string& value) {
  const toml::node* node = find(key);
  if (node == nullptr) return;
  const auto* string = node->as_string();
  if (string == nullptr) return wrong_type(key, *node, "a string in quotes");
  constexpr std::size_t text_max = 4096;
  if (string->get().size() > text_max) return error(key, called(key) + " is longer than 4096 bytes");
  if (string->get().find('\0') != std::string::npos) return error(key, called(key) + " holds a NUL byte");
  value = string->get();
}

void SectionReader::path(std::string_view key, std::string& value) {
  std::string read;
  text(key, read);
  if (read.empty()) return;
  const bool relative = !read.starts_with('/') && !context_.folder.empty();
  value = relative ? (std::filesystem::path(context_.folder) / read).string() : read;
}

void SectionReader::word(std::string_view key, std::string& value, std::span<const std::string_view> allowed) {
  std::string read;
  text(key, read);
  const toml::node* node = table_.get(key);
  if (node == nullptr || !node->is_string()) return;
  if (std::find(allowed.begin(), allowed.end(), read) != allowed.end()) {
    value = read;
    return;
  }
  error(key, called(key) + " is \"" + printable(read) + "\"; write one of " + quoted_list(allowed, "\""));
}

std::optional<io::Endpoint> SectionReader::read_endpoint(std::string_view key, const toml::node& node,
                                                         AddressForm form) {
  const auto* string = node.as_string();
  if (string == nullptr) {
    wrong_type(key, node, R"(a string such as "127.0.0.1:3306" or "unix:/run/mysqld/mysqld.sock")");
    return std::nullopt;
  }
  const std::string shown = called(key) + ": \"" + printable(string->get()) + "\"";
  constexpr std::uint16_t no_port = 0;
  auto endpoint = io::parse_endpoint(string->get(), no_port);
  if (!endpoint || (!endpoint->is_unix() && endpoint->host.empty())) {
    context_.add(position_of(node), shown + " is not an address; write host:port or unix:/path");
    return std::nullopt;
  }
  constexpr std::size_t unix_path_max = 107;  // sockaddr_un
  if (endpoint->unix_path.size() > unix_path_max) {
    context_.add(position_of(node), shown + " is too long for a socket path; write at most 107 bytes");
    return std::nullopt;
  }
  if (!endpoint->is_unix() && endpoint->port == 0) {
    const bool explicit_zero = string->get().ends_with(":0");
    if (form == AddressForm::any || !explicit_zero) {
      context_.add(position_of(node), shown + " has no port; write host:port");
      return std::nullopt;
    }
  }
  if (form == AddressForm::numeric && !endpoint->is_unix() && !numeric_address(endpoint->host)) {
    context_.add(position_of(node),
                 shown + R"( is a host name; write a numeric address such as "127.0.0.1:6033" or "[::1]:6033")");
    return std::nullopt;
  }
  return endpoint;
}

void SectionReader::endpoint(std::string_view key, std::optional<io::Endpoint>& value, AddressForm form) {
  const toml::node* node = find(key);
  if (node == nullptr) return;
  if (const auto* string = node->as_string(); string != nullptr && string->get().empty()) {
    value.reset();  // switched off
    return;
  }
  if (auto endpoint = read_endpoint(key, *node, form)) value = std::move(endpoint);
}

void SectionReader::endpoints(std::string_view key, std::vector<io::Endpoint>& value, AddressForm form) {
  const toml::node* node = find(key);
  if (node == nullptr) return;
  const auto* array = node->as_array();
  if (array == nullptr) {
    return wrong_type(key, *node, R"(an array of addresses, e.g. ["127.0.0.1:3306"])");
  }
  constexpr std::size_t endpoints_max = 64;
  if (array->size() > endpoints_max) return error(key, called(key) + " lists more than 64 addresses");
  std::vector<io::Endpoint> read;
  for (const toml::node& element : *array) {
    auto endpoint = read_endpoint(key, element, form);
    if (!endpoint) continue;
    const bool zero_port = !endpoint->is_unix() && endpoint->port == 0;
    if (!zero_port && std::find(read.begin(), read.end(), *endpoint) != read.end()) {
      context_.add(position_of(element), called(key) + " lists \"" + endpoint->to_string() + "\" twice; remove one");
      continue;
    }
    read.push_back(std::move(*endpoint));
  }
  value = std::move(read);
}

const toml::table* SectionReader::table(std::string_view key) {
  const toml::node* node = find(key);
  if (node == nullptr) return nullptr;
  if (!node->is_table()) wrong_type(key, *node, "a table");
  return node->as_table();
}

std::vector<const toml::table*> SectionReader::tables(std::string_view key) {
  const toml::node* node = find(key);
  if (node == nullptr) return {};
  const auto* array = node->as_array();
  const std::string wanted = "[[" + std::string(key) + "]] before each one";
  if (array == nullptr) {
    wrong_type(key, *node, wanted);
    return {};
  }
  constexpr std::size_t tables_max = 10'000;
  if (array->size() > tables_max) {
    error(key, "more than 10000 " + std::string(key) + " tables");
    return {};
  }
  std::vector<const toml::table*> out;
  for (const toml::node& element : *array) {
    if (const auto* t = element.as_table()) {
      out.push_back(t);
    } else {
      wrong_type(key, element, wanted);
    }
  }
  return out;
}

void SectionReader::finish(std::string_view noun) {
  for (const auto& [key, node] : table_) {
    if (context_.full()) return;  // the nearest word of each of 100,000 keys costs seconds
    if (std::find(known_.begin(), known_.end(), key.str()) != known_.end()) continue;
    const auto& begin = key.source().begin;
    const std::string_view near = nearest_word(key.str(), known_);
    std::string text = "unknown " + std::string(noun) + " '" + printable(key.str()) + "' in " + title_ + "; ";
    text += near.empty() ? "known are " + quoted_list(known_, "") : "did you mean '" + std::string(near) + "'?";
    context_.add({begin.line, begin.column}, std::move(text));
  }
}

}  // namespace sluice::admin
