#include "admin/sql/variables.hpp"

#include <array>

#include "admin/sql/names.hpp"

namespace sluice::admin {
namespace {

// 8.0: drivers don't ask such a server for the query cache's variables any more.
constexpr std::string_view version = "8.0.30-sluice-" SLUICE_VERSION;

constexpr auto variables = std::to_array<SystemVariable>({
    {"auto_increment_increment", "1"},
    {"autocommit", "1"},
    {"character_set_client", "utf8mb4"},
    {"character_set_connection", "utf8mb4"},
    {"character_set_database", "utf8mb4"},
    {"character_set_results", "utf8mb4"},
    {"character_set_server", "utf8mb4"},
    {"collation_connection", "utf8mb4_general_ci"},
    {"collation_database", "utf8mb4_general_ci"},
    {"collation_server", "utf8mb4_general_ci"},
    {"have_ssl", "DISABLED"},
    {"init_connect", ""},
    {"interactive_timeout", "28800"},
    {"lower_case_table_names", "1"},
    {"max_allowed_packet", "1048576"},
    {"net_buffer_length", "16384"},
    {"net_write_timeout", "30"},
    {"performance_schema", "0"},
    {"protocol_version", "10"},
    {"read_only", "1"},
    {"sql_mode", ""},
    {"system_time_zone", "UTC"},
    {"time_zone", "+00:00"},
    {"transaction_isolation", "READ-COMMITTED"},
    {"transaction_read_only", "0"},
    {"tx_isolation", "READ-COMMITTED"},
    {"version", version},
    {"version_comment", "sluice admin"},
    {"version_compile_os", "Linux"},
    {"wait_timeout", "28800"},
});

}  // namespace

std::span<const SystemVariable> system_variables() { return variables; }

std::optional<std::string_view> system_variable(std::string_view name) {
  for (const auto& v : variables) {
    if (same_name(v.name, name)) return v.value;
  }
  return std::nullopt;
}

std::string_view admin_server_version() { return version; }

}  // namespace sluice::admin
