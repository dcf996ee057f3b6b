#include "router/words.hpp"

#include <array>

#include "router/function_list.hpp"
#include "router/keyword_list.hpp"

namespace sluice::router {
namespace {

constexpr std::size_t slot_count = 2048;
constexpr std::uint16_t no_word = 0xFFFF;
constexpr std::size_t word_count_max = std::size(keyword_list) + std::size(function_list);
static_assert(word_count_max * 2 < slot_count, "keep the table half empty, so that a miss ends soon");

constexpr std::uint32_t hash_of(std::string_view name) {
  std::uint32_t hash = word_hash_start;
  for (char c : name) hash = word_hash_step(hash, static_cast<unsigned char>(c));
  return hash;
}

constexpr std::size_t slot_of(std::uint32_t hash) { return (hash ^ (hash >> 15U)) % slot_count; }

struct Table {
  std::array<Word, word_count_max> words{};
  std::array<std::uint16_t, slot_count> slots{};
  std::size_t count = 0;

  // The word's entry, made if it isn't there: some names are both a keyword and a function.
  constexpr Word& entry(std::string_view name) {
    std::size_t slot = slot_of(hash_of(name));
    while (slots[slot] != no_word) {
      if (words[slots[slot]].name == name) return words[slots[slot]];
      slot = (slot + 1) % slot_count;
    }
    slots[slot] = static_cast<std::uint16_t>(count);
    words[count].name = name;
    return words[count++];
  }
};

constexpr Table make_table() {
  Table table;
  for (auto& slot : table.slots) slot = no_word;
  for (const auto& keyword : keyword_list) {
    Word& word = table.entry(keyword.name);
    word.keyword = keyword.keyword;
    word.opens_paren = keyword.opens_paren;
  }
  for (const auto& function : function_list) {
    Word& word = table.entry(function.name);
    word.function = function.function;
    word.servers = function.servers;
    word.tight_paren = function.tight_paren;
  }
  return table;
}

constexpr Table table = make_table();

}  // namespace

const Word& find_word(std::string_view text, std::uint32_t hash) {
  if (text.size() > word_length_max) return unknown_word;
  for (std::size_t slot = slot_of(hash);; slot = (slot + 1) % slot_count) {
    const std::uint16_t index = table.slots[slot];
    if (index == no_word) return unknown_word;
    if (equals_folded(text, table.words[index].name)) return table.words[index];
  }
}

const Word& find_word(std::string_view text) { return find_word(text, hash_of(text)); }

}  // namespace sluice::router
