#include "proxy/diagnostics_statement.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <utility>

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

}  // namespace sluice::proxy
