// A table for a terminal.
#pragma once

#include <string>
#include <vector>

namespace sluice::admin {

using Cells = std::vector<std::string>;

// One line a row; columns as wide as their widest cell, the last one as it is.
[[nodiscard]] std::string grid(const std::vector<Cells>& rows);

}  // namespace sluice::admin
