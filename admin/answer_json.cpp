#include "admin/answer_json.hpp"

#include <boost/json.hpp>
#include <charconv>

namespace sluice::admin {

namespace json = boost::json;

namespace {

json::value json_cell(const AnswerTable::Column& column, const std::optional<std::string>& value) {
  if (!value) return nullptr;
  if (!column.integer) return json::string(*value);
  std::int64_t number = 0;
  std::from_chars(value->data(), value->data() + value->size(), number);
  return number;
}

}  // namespace

json::array json_rows(const AnswerTable& table) {
  json::array rows;
  for (const auto& row : table.rows) {
    json::object object;
    for (std::size_t i = 0; i < row.size(); ++i) object[table.columns[i].name] = json_cell(table.columns[i], row[i]);
    rows.push_back(std::move(object));
  }
  return rows;
}

std::string to_json(std::initializer_list<const AnswerTable*> tables) {
  json::object all;
  for (const AnswerTable* table : tables) all[table->name] = json_rows(*table);
  return json::serialize(all) + "\n";
}

}  // namespace sluice::admin
