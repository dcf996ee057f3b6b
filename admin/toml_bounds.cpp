#include "admin/toml_bounds.hpp"

#include <algorithm>
#include <utility>

namespace sluice::admin {
namespace {

// Where a string ends that begins at `at`. One that is not closed ends before the line break, or with the text if it
// may hold line breaks; either is an error to toml++, so what follows does not matter.
std::size_t behind_string(std::string_view text, std::size_t at) {
  const char quote = text[at];
  const bool escapes = quote == '"';
  const bool lines = text.substr(at, 3) == std::string(3, quote);
  at += lines ? 3 : 1;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '\n' && !lines) return at;
    if (c == '\\' && escapes) {
      at += 2;
    } else if (c != quote) {
      ++at;
    } else if (!lines) {
      return at + 1;
    } else {
      // Three close it, and up to two more before them belong to it.
      constexpr std::size_t quotes_max = 5;
      const std::size_t rest = text.substr(at, quotes_max).find_first_not_of(quote);
      const std::size_t quotes = rest == std::string_view::npos ? std::min(quotes_max, text.size() - at) : rest;
      at += quotes;
      if (quotes >= 3) return at;
    }
  }
  return text.size();
}

// Columns count characters, as those of toml++ do.
Position position_in(std::string_view text, std::size_t at) {
  const std::string_view before = text.substr(0, at);
  const std::size_t line_begin = before.rfind('\n') + 1;  // npos + 1 is 0
  const std::string_view line = before.substr(line_begin);
  const auto begins_character = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80; };
  return {static_cast<std::uint32_t>(std::count(before.begin(), before.end(), '\n') + 1),
          static_cast<std::uint32_t>(std::count_if(line.begin(), line.end(), begins_character) + 1)};
}

// Outside of strings and comments a key consists of letters, digits, '-', '_', blanks and points: any other character
// ends it. That is all of the grammar that is needed. A point in a number counts as well: none has as many.
struct Counts {
  std::size_t parts = 1;
  std::size_t open = 0;
  std::size_t tables = 0;

  void take(char c) {
    switch (c) {
      case '.':
        ++parts;
        ++tables;
        return;
      case '[':
      case '{':
        ++open;
        ++tables;
        break;
      case ']':
      case '}':
        if (open > 0) --open;
        break;
      case '=':
      case ',':
      case '\n':
        break;
      default:
        return;
    }
    parts = 1;
  }

  // Empty: nothing is.
  [[nodiscard]] std::string over(const TomlBounds& bounds) const {
    if (parts > bounds.key_parts) return "a key has more than " + std::to_string(bounds.key_parts) + " parts";
    if (open > bounds.nesting) {
      return "arrays and tables are nested more than " + std::to_string(bounds.nesting) + " deep";
    }
    if (tables > bounds.tables) return "the file has more than " + std::to_string(bounds.tables) + " tables and arrays";
    return {};
  }
};

}  // namespace

std::optional<TomlExcess> find_toml_excess(std::string_view text, const TomlBounds& bounds) {
  Counts counts;
  std::size_t at = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"' || c == '\'') {
      at = behind_string(text, at);
      continue;
    }
    if (c == '#') {
      at = std::min(text.find('\n', at), text.size());
      continue;
    }
    counts.take(c);
    if (auto what = counts.over(bounds); !what.empty()) return TomlExcess{position_in(text, at), std::move(what)};
    ++at;
  }
  return std::nullopt;
}

}  // namespace sluice::admin
