// Tables that the admin port answered, as JSON for scripts: whole numbers stay numbers, NULL is null. Pure.
//
// Flow: `json::array rows = json_rows(table)`, or `to_json({&history, &steps})`: one object of such arrays, by name.
#pragma once

#include <boost/json/array.hpp>
#include <initializer_list>
#include <string>

#include "admin/admin_client.hpp"

namespace sluice::admin {

[[nodiscard]] boost::json::array json_rows(const AnswerTable& table);
[[nodiscard]] std::string to_json(std::initializer_list<const AnswerTable*> tables);

}  // namespace sluice::admin
