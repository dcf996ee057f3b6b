// How deep and how many the tables of a TOML text may be, looked at before toml++ reads it.
//
// toml++ bounds values in values, but not the parts of a key: `a.a.a… = 1` and `[a.a.a…]` become a tree as deep as the
// key is long, which is walked and freed by recursion: 1 MB of it ended the process by a stack overflow. It also looks
// for tables in plain lists, so that its time grows with the square of their number.
//
// Flow: `if (const auto excess = find_toml_excess(text)) report(excess->at, excess->text); else toml::parse(text)`.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "admin/config_problem.hpp"

namespace sluice::admin {

// A text within these makes a tree of at most `2 * key_parts` levels for a header (arrays of tables count twice),
// `key_parts` for a key, and `key_parts + 1` for each bracket that is open: 16 and 16 make 320.
struct TomlBounds {
  std::size_t key_parts = 16;   // of one key or header: "a.b.c" has three; sluice's own have two
  std::size_t nesting = 16;     // brackets and braces open at once
  std::size_t tables = 50'000;  // brackets, braces and points in all; 10,000 users take 20,000
};

struct TomlExcess {
  Position at;
  std::string text;
};

// The first place that is over a bound; nullopt: none. The text need not be TOML: it is read as toml++ reads it up to
// the first error, and behind that toml++ does not go. The fuzz target of the configuration compares the two.
[[nodiscard]] std::optional<TomlExcess> find_toml_excess(std::string_view text, const TomlBounds& bounds = {});

}  // namespace sluice::admin
