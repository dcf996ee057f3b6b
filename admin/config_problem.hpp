// One thing that is wrong with a configuration: where, what, and what to write instead. Never holds a password.
//
// Flow: the readers collect `ConfigProblem`s; `to_string` makes the line that people read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "admin/printable.hpp"

namespace sluice::admin {

struct Position {
  std::uint32_t line = 0;  // from 1; 0: the file as a whole
  std::uint32_t column = 0;
};

struct ConfigProblem {
  bool warning = false;  // a warning does not keep sluice from starting
  std::string file;
  Position at;
  std::string text;
};

// "sluice.toml:12:1: error: unknown key …"
[[nodiscard]] std::string to_string(const ConfigProblem& problem);

[[nodiscard]] bool has_errors(const std::vector<ConfigProblem>& problems);

}  // namespace sluice::admin
