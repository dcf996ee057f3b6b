#include "proxy/diagnostics_statement.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <string>
#include <utility>
#include <vector>

namespace sluice::proxy {

namespace {

constexpr std::size_t longest = 512;  // of a text that is looked into

bool word_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '@' || c == '.';
}
bool between_words(char c) {
  return std::isspace(static_cast<unsigned char>(c)) != 0 || c == '(' || c == ')' || c == ',' || c == ';';
}

bool allowed(std::string_view word) {
  static constexpr std::array<std::string_view, 7> words = {"SELECT",
                                                            "ROW_COUNT",
                                                            "FOUND_ROWS",
                                                            "@@WARNING_COUNT",
                                                            "@@ERROR_COUNT",
                                                            "@@SESSION.WARNING_COUNT",
                                                            "@@SESSION.ERROR_COUNT"};
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

bool asks_only_diagnostics(std::string_view sql) {
  if (sql.size() > longest) return false;
  bool alias = false;  // the word before was AS: any word may follow
  for (std::size_t i = 0; i < sql.size();) {
    if (between_words(sql[i])) {
      ++i;
      continue;
    }
    std::string word;
    for (; i < sql.size() && word_character(sql[i]); ++i) {
      word.push_back(static_cast<char>(std::toupper(static_cast<unsigned char>(sql[i]))));
    }
    if (word.empty()) return false;
    const bool was_alias = std::exchange(alias, word == "AS");
    if (!alias && !was_alias && !allowed(word)) return false;
  }
  return !sql.empty();
}

namespace {

// Words in upper case, and each sign for itself; a `;` at the end is left out. Empty: too long, or nothing to be looked
// into.
std::vector<std::string> split(std::string_view sql) {
  std::vector<std::string> parts;
  if (sql.size() > longest) return parts;
  bool in_word = false;
  for (const char c : sql) {
    const bool word = word_character(c);
    const auto upper = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    if (word && in_word) {
      parts.back().push_back(upper);
    } else if (std::isspace(static_cast<unsigned char>(c)) == 0) {
      parts.emplace_back(1, upper);
    }
    in_word = word;
  }
  if (!parts.empty() && parts.back() == ";") parts.pop_back();
  return parts;
}

std::optional<std::uint64_t> number(const std::string& word) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
  return value;
}

// What comes after SHOW WARNINGS: nothing, LIMIT n, LIMIT skipped, n, LIMIT n OFFSET skipped.
bool read_limit(const std::vector<std::string>& parts, std::size_t at, DiagnosticsQuestion& question) {
  if (parts.size() == at) return true;
  if (parts[at] != "LIMIT" || (parts.size() != at + 2 && parts.size() != at + 4)) return false;
  const auto first = number(parts[at + 1]);
  if (!first) return false;
  question.rows_max = *first;
  if (parts.size() == at + 2) return true;
  const auto second = number(parts[at + 3]);
  const bool offset = parts[at + 2] == "OFFSET";
  if (!second || (!offset && parts[at + 2] != ",")) return false;
  question.skipped = offset ? *second : *first;
  question.rows_max = offset ? *first : *second;
  return true;
}

}  // namespace

std::optional<DiagnosticsQuestion> diagnostics_question(std::string_view sql) {
  using About = DiagnosticsQuestion::About;
  const auto parts = split(sql);
  if (parts.size() < 2 || parts[0] != "SHOW") return std::nullopt;
  const bool count = parts.size() == 6 && parts[1] == "COUNT" && parts[2] == "(" && parts[3] == "*" && parts[4] == ")";
  const std::string& what = count ? parts[5] : parts[1];
  if (what != "WARNINGS" && what != "ERRORS") return std::nullopt;
  const bool warnings = what == "WARNINGS";
  if (count) return DiagnosticsQuestion{.about = warnings ? About::count_of_warnings : About::count_of_errors};
  DiagnosticsQuestion question{.about = warnings ? About::warnings : About::errors};
  if (!read_limit(parts, 2, question)) return std::nullopt;
  return question;
}

}  // namespace sluice::proxy
