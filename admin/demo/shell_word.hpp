// Text as one word of a shell's line, whatever is in it.
#pragma once

#include <string>
#include <string_view>

namespace sluice::demo {

[[nodiscard]] std::string shell_quoted(std::string_view text);  // 'text'
[[nodiscard]] std::string shell_word(std::string_view text);    // quoted only where it has to be

}  // namespace sluice::demo
