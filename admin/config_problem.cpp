#include "admin/config_problem.hpp"

#include <algorithm>

namespace sluice::admin {

std::string to_string(const ConfigProblem& problem) {
  std::string out = problem.file;
  if (problem.at.line > 0) out += ":" + std::to_string(problem.at.line) + ":" + std::to_string(problem.at.column);
  return out + (problem.warning ? ": warning: " : ": error: ") + problem.text;
}

bool has_errors(const std::vector<ConfigProblem>& problems) {
  return std::any_of(problems.begin(), problems.end(), [](const ConfigProblem& p) { return !p.warning; });
}

}  // namespace sluice::admin
