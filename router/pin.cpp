#include <utility>

#include "router/classify.hpp"

namespace sluice::router {

std::string to_string(Pin pins) {
  static constexpr std::pair<Pin, std::string_view> names[] = {
      {Pin::user_variable, "user_variable"},
      {Pin::temporary_table, "temporary_table"},
      {Pin::user_lock, "user_lock"},
      {Pin::table_lock, "table_lock"},
      {Pin::text_prepare, "text_prepare"},
      {Pin::handler, "handler"},
      {Pin::xa, "xa"},
      {Pin::found_rows, "found_rows"},
      {Pin::unknown_setting, "unknown_setting"},
      {Pin::unknown_statement, "unknown_statement"},
      {Pin::stored_code, "stored_code"},
      {Pin::hidden_change, "hidden_change"},
      {Pin::unread_setting, "unread_setting"},
      {Pin::connection_id, "connection_id"},
  };
  std::string text;
  for (const auto& [pin, name] : names) {
    if (!any(pins & pin)) continue;
    if (!text.empty()) text += ", ";
    text += name;
  }
  return text;
}

}  // namespace sluice::router
