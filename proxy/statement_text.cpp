#include "proxy/statement_text.hpp"

#include <algorithm>

namespace sluice::proxy {

namespace {

std::string key_of(std::string_view sql, std::string_view schema, const router::Dialect& dialect) {
  std::string key;
  key.reserve(sql.size() + schema.size() + 8);
  key.push_back(static_cast<char>((dialect.ansi_quotes ? 1 : 0) | (dialect.no_backslash_escapes ? 2 : 0) |
                                  (dialect.ascii_safe ? 4 : 0)));
  key.append(schema).push_back('\0');
  key.append(sql);
  return key;
}

}  // namespace

StatementTextPtr StatementTexts::intern(std::string_view sql, std::string_view schema, const router::Dialect& dialect) {
  auto& slot = texts_[key_of(sql, schema, dialect)];
  if (auto known = slot.lock()) return known;
  auto text = std::make_shared<StatementText>();
  text->sql = sql;
  text->schema = schema;
  text->effect = router::classify(text->sql, dialect);
  slot = text;
  if (texts_.size() >= sweep_at_) sweep();
  return text;
}

void StatementTexts::sweep() {
  std::erase_if(texts_, [](const auto& entry) { return entry.second.expired(); });
  sweep_at_ = std::max<std::size_t>(1024, texts_.size() * 2);
}

}  // namespace sluice::proxy
