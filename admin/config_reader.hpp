// Reads one table of a TOML document into fields, and complains about what does not fit: wrong types, values out of
// range, keys that nobody asked for. It is the visitor of config_schema.hpp that parses.
//
// Flow: `SectionReader r(table, "[proxy]", context); schema::visit(r, settings); r.finish();`
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "admin/config_problem.hpp"
#include "admin/config_schema.hpp"
#include "admin/toml.hpp"

namespace sluice::admin {

// What all sections of one file share.
struct ReaderContext {
  std::string file;
  std::string folder;  // relative paths start here; empty: the working folder
  std::vector<ConfigProblem> problems;

  void add(Position at, std::string text, bool warning = false);
  // What is added from now on is dropped.
  [[nodiscard]] bool full() const { return problems.size() >= problems_max; }

 private:
  static constexpr std::size_t problems_max = 100;  // a hostile or generated file must not fill the screen
};

[[nodiscard]] Position position_of(const toml::node& node);

class SectionReader {
 public:
  // `title` is how messages call it: "[proxy]".
  SectionReader(const toml::table& table, std::string title, ReaderContext& context);

  // Visitor of the schema. A key that is absent leaves its field as it is.
  void number(std::string_view key, std::uint64_t& value, Unit unit, Range range);
  void flag(std::string_view key, bool& value);
  void text(std::string_view key, std::string& value);
  void path(std::string_view key, std::string& value);
  void secret(std::string_view key, std::string& value) { text(key, value); }
  void word(std::string_view key, std::string& value, std::span<const std::string_view> allowed);
  void endpoint(std::string_view key, std::optional<io::Endpoint>& value, AddressForm form);
  void endpoints(std::string_view key, std::vector<io::Endpoint>& value, AddressForm form);
  template <class T, std::size_t n>
  void choice(std::string_view key, T& value, const std::array<Choice<T>, n>& choices) {
    std::array<std::string_view, n> names;
    for (std::size_t i = 0; i < n; ++i) names[i] = choices[i].name;
    std::string name;
    word(key, name, names);
    for (const auto& c : choices) {
      if (c.name == name) value = c.value;
    }
  }

  // Sub-tables. nullptr or empty: absent, or of the wrong type (which is reported).
  [[nodiscard]] const toml::table* table(std::string_view key);
  [[nodiscard]] std::vector<const toml::table*> tables(std::string_view key);

  // Reports keys that were not asked for; `noun` is what messages call them ("key", "section").
  void finish(std::string_view noun = "key");

  [[nodiscard]] bool has(std::string_view key) const { return table_.contains(key); }
  void error(std::string_view key, std::string text);  // at the key's value, or at the section if it is absent
  void warning(std::string_view key, std::string text);
  [[nodiscard]] const std::string& title() const { return title_; }
  [[nodiscard]] ReaderContext& context() { return context_; }

 private:
  [[nodiscard]] const toml::node* find(std::string_view key);
  [[nodiscard]] std::string called(std::string_view key) const;  // "'listen' in [proxy]"
  void wrong_type(std::string_view key, const toml::node& found, std::string_view wanted);
  [[nodiscard]] std::optional<io::Endpoint> read_endpoint(std::string_view key, const toml::node& node,
                                                          AddressForm form);
  [[nodiscard]] Position where(std::string_view key) const;

  const toml::table& table_;
  std::string title_;
  ReaderContext& context_;
  std::vector<std::string_view> known_;
};

}  // namespace sluice::admin
