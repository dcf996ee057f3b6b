#include "admin/demo/shell_word.hpp"

namespace sluice::demo {

std::string shell_quoted(std::string_view text) {
  std::string quoted = "'";
  for (const char letter : text) {
    if (letter == '\'') {
      quoted += "'\\''";
    } else {
      quoted += letter;
    }
  }
  return quoted + "'";
}

std::string shell_word(std::string_view text) {
  constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./:=@%+,";
  const bool as_it_is = !text.empty() && text.find_first_not_of(plain) == std::string_view::npos;
  return as_it_is ? std::string(text) : shell_quoted(text);
}

}  // namespace sluice::demo
