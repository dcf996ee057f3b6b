#include "proxy/backend_statements.hpp"

namespace sluice::proxy {

BackendStatement* BackendStatements::find(const StatementText* text) {
  const auto it = by_text_.find(text);
  if (it == by_text_.end()) return nullptr;
  by_age_.splice(by_age_.begin(), by_age_, it->second);
  return &*it->second;
}

std::vector<std::uint32_t> BackendStatements::add(StatementTextPtr text, std::uint32_t id, std::size_t max) {
  std::vector<std::uint32_t> to_close;
  if (BackendStatement* twin = find(text.get()); twin != nullptr) {
    to_close.push_back(twin->id);
    twin->id = id;
    twin->bound_types.emplace();
    return to_close;
  }
  const StatementText* key = text.get();
  by_age_.push_front({std::move(text), id});
  by_text_[key] = by_age_.begin();
  while (by_age_.size() > max) {
    to_close.push_back(by_age_.back().id);
    by_text_.erase(by_age_.back().text.get());
    by_age_.pop_back();
  }
  return to_close;
}

std::optional<std::uint32_t> BackendStatements::remove(const StatementText* text) {
  const auto it = by_text_.find(text);
  if (it == by_text_.end()) return std::nullopt;
  const std::uint32_t id = it->second->id;
  by_age_.erase(it->second);
  by_text_.erase(it);
  return id;
}

std::vector<StatementTextPtr> BackendStatements::texts() const {
  std::vector<StatementTextPtr> texts;
  texts.reserve(by_age_.size());
  for (const auto& statement : by_age_) texts.push_back(statement.text);
  return texts;
}

}  // namespace sluice::proxy
