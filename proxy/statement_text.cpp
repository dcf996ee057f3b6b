#include "proxy/statement_text.hpp"

#include <algorithm>

namespace sluice::proxy {

CarriedState reading_state(const StatementText& text, CarriedState state) {
  if (!text.schema.empty()) state.schema = text.schema;
  if (state.parse_settings() != text.settings) state.replace_parse_settings(text.settings);
  return state;
}

namespace {

void append_part(std::string& key, std::string_view part) {
  key.append(std::to_string(part.size())).append(":").append(part);
}

std::string key_of(std::string_view sql, const CarriedState& state, const router::Dialect& dialect) {
  std::string key;
  key.reserve(sql.size() + state.schema.size() + 16);
  key.push_back(static_cast<char>((dialect.ansi_quotes ? 1 : 0) | (dialect.no_backslash_escapes ? 2 : 0) |
                                  (dialect.ascii_safe ? 4 : 0) | (dialect.utf8 ? 8 : 0) |
                                  (dialect.ansi_known ? 16 : 0) | (dialect.backslash_known ? 32 : 0)));
  append_part(key, state.schema);
  for (const auto& setting : state.parse_settings()) {
    append_part(key, setting.name);
    append_part(key, setting.value);
  }
  key.push_back('=');
  key.append(sql);
  return key;
}

}  // namespace

StatementTextPtr StatementTexts::make(std::string_view sql, const CarriedState& state, const router::Dialect& dialect) {
  auto text = std::make_shared<StatementText>();
  text->sql = sql;
  text->schema = state.schema;
  text->settings = state.parse_settings();
  text->effect = router::classify(text->sql, dialect);
  text->shape = router::digest(text->sql, dialect);
  return text;
}

StatementTextPtr StatementTexts::intern(std::string_view sql, const CarriedState& state,
                                        const router::Dialect& dialect) {
  auto& slot = texts_[key_of(sql, state, dialect)];
  if (auto known = slot.lock()) return known;
  const StatementTextPtr text = make(sql, state, dialect);
  slot = text;
  if (texts_.size() >= sweep_at_) sweep();
  return text;
}

void StatementTexts::sweep() {
  std::erase_if(texts_, [](const auto& entry) { return entry.second.expired(); });
  sweep_at_ = std::max<std::size_t>(1024, texts_.size() * 2);
}

}  // namespace sluice::proxy
