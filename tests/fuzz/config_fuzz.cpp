// Any bytes as a configuration: no crash, no hang, bounded messages. Password files are never opened. And what
// find_toml_excess counts is what the parser makes of the text.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "admin/config.hpp"
#include "admin/config_listing.hpp"
#include "admin/toml.hpp"
#include "admin/toml_bounds.hpp"

namespace {

using sluice::admin::find_toml_excess;
using sluice::admin::TextFile;

struct Shape {
  std::size_t levels = 0;  // of tables and arrays in each other
  std::size_t tables = 0;  // and arrays
  void add(const Shape& child) {
    levels = std::max(levels, child.levels + 1);
    tables += child.tables + 1;
  }
};

Shape shape_of(const toml::node& node) {
  Shape shape;
  if (const auto* table = node.as_table()) {
    for (const auto& [key, value] : *table) {
      if (value.is_table() || value.is_array()) shape.add(shape_of(value));
    }
  }
  if (const auto* array = node.as_array()) {
    for (const auto& value : *array) {
      if (value.is_table() || value.is_array()) shape.add(shape_of(value));
    }
  }
  return shape;
}

// For the smallest bounds there are, by the sum that stands at TomlBounds.
void check_counts(std::string_view text) {
  constexpr std::size_t unbounded = SIZE_MAX;
  if (find_toml_excess(text)) return;
  try {
    const auto parsed = toml::parse(text);
    if (!parsed) return;
    const Shape shape = shape_of(parsed.table());
    if (shape.tables > 0 && !find_toml_excess(text, {unbounded, unbounded, shape.tables - 1})) std::abort();
    for (std::size_t parts = 1; parts <= 3; ++parts) {
      for (std::size_t nesting = 0; nesting <= 3; ++nesting) {
        const std::size_t levels_max = 2 * parts + parts + nesting * (parts + 1);
        if (shape.levels > levels_max && !find_toml_excess(text, {parts, nesting, unbounded})) std::abort();
      }
    }
  } catch (const sluice::admin::TomlAssertion&) {  // it is not TOML
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto loaded = sluice::admin::parse_config(
      text, "fuzz.toml",
      [](const std::string& path) -> sluice::Result<TextFile, std::string> { return TextFile{path, false}; });
  if (loaded.problems.size() > 100) std::abort();
  for (const auto& problem : loaded.problems) {
    if (to_string(problem).find('\x1b') != std::string::npos) std::abort();
  }
  (void)sluice::admin::list_settings(loaded.config);
  check_counts(text);
  return 0;
}
