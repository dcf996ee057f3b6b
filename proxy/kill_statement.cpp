#include "proxy/kill_statement.hpp"

#include <algorithm>
#include <cctype>
#include <limits>

namespace sluice::proxy {

namespace {

bool is_space(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }

// Takes the next word off; words end at spaces and semicolons.
std::string_view next_word(std::string_view& text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  const auto end = std::find_if(text.begin(), text.end(), [](char c) { return is_space(c) || c == ';'; });
  const auto word = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(word.size());
  return word;
}

bool is(std::string_view word, std::string_view keyword) {
  return std::equal(word.begin(), word.end(), keyword.begin(), keyword.end(),
                    [](char a, char b) { return std::toupper(static_cast<unsigned char>(a)) == b; });
}

}  // namespace

std::optional<KillTarget> parse_kill(std::string_view sql) {
  if (!is(next_word(sql), "KILL")) return std::nullopt;
  auto word = next_word(sql);
  if (is(word, "HARD") || is(word, "SOFT")) word = next_word(sql);
  const bool query_only = is(word, "QUERY");
  if (query_only || is(word, "CONNECTION")) word = next_word(sql);
  if (word.empty()) return std::nullopt;
  std::uint64_t id = 0;
  constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  for (const char c : word) {
    if (c < '0' || c > '9') return std::nullopt;
    id = id > (most - 9) / 10 ? most : id * 10 + static_cast<std::uint64_t>(c - '0');
  }
  const bool rest = std::any_of(sql.begin(), sql.end(), [](char c) { return !is_space(c) && c != ';'; });
  return rest ? std::nullopt : std::optional(KillTarget{id, query_only});
}

}  // namespace sluice::proxy
