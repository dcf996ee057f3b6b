#include "router/system_variables.hpp"

#include <algorithm>
#include <array>

#include "router/words.hpp"

namespace sluice::router {
namespace {

constexpr auto shared_reads = std::to_array<std::string_view>({
    "auto_increment_increment",
    "auto_increment_offset",
    "autocommit",
    "big_tables",
    "character_set_client",
    "character_set_connection",
    "character_set_database",
    "character_set_filesystem",
    "character_set_results",
    "character_set_server",
    "character_set_system",
    "collation_connection",
    "collation_database",
    "collation_server",
    "completion_type",
    "default_storage_engine",
    "default_week_format",
    "div_precision_increment",
    "foreign_key_checks",
    "group_concat_max_len",
    "have_ssl",
    "hostname",  // "who are you?": whoever answers reads gives an honest answer; so server_id, port, server_uuid
    "init_connect",
    "innodb_lock_wait_timeout",
    "interactive_timeout",
    "lc_messages",
    "lc_time_names",
    "license",
    "lock_wait_timeout",
    "lower_case_table_names",
    "max_allowed_packet",
    "max_execution_time",
    "max_join_size",
    "max_sort_length",
    "max_statement_time",
    "net_buffer_length",
    "net_read_timeout",
    "net_write_timeout",
    "optimizer_switch",
    "performance_schema",
    "port",
    "protocol_version",
    "query_cache_size",
    "query_cache_type",
    "server_id",
    "server_uuid",
    "session_track_gtids",
    "session_track_schema",
    "session_track_state_change",
    "session_track_system_variables",
    "session_track_transaction_info",
    "sql_auto_is_null",
    "sql_big_selects",
    "sql_mode",
    "sql_quote_show_create",
    "sql_safe_updates",
    "sql_select_limit",
    "storage_engine",
    "system_time_zone",
    "time_zone",
    "transaction_isolation",
    "transaction_read_only",
    "tx_isolation",
    "tx_read_only",
    "unique_checks",
    "version",
    "version_comment",
    "version_compile_machine",
    "version_compile_os",
    "wait_timeout",
});

constexpr auto connection_bound = std::to_array<std::string_view>({
    "binlog_annotate_row_events",
    "binlog_direct_non_transactional_updates",
    "binlog_format",
    "binlog_row_image",
    "binlog_row_value_options",
    "binlog_rows_query_log_events",
    "character_set_database",  // until the next schema is selected
    "collation_database",
    "debug",
    "debug_dbug",
    "debug_sync",
    "default_master_connection",
    "gtid_domain_id",
    "gtid_next",
    "gtid_seq_no",
    "identity",
    "insert_id",
    "last_insert_id",
    "last_gtid",
    "optimizer_trace",
    "original_commit_timestamp",
    "original_server_version",
    "profiling",
    "profiling_history_size",
    "pseudo_replica_mode",
    "pseudo_slave_mode",
    "pseudo_thread_id",
    "rand_seed1",
    "rand_seed2",
    "server_id",
    "session_track_gtids",
    "session_track_schema",
    "session_track_state_change",
    "session_track_transaction_info",
    "skip_parallel_replication",
    "skip_replication",
    "system_versioning_asof",  // read in the time zone of that moment
    "sql_log_bin",
    "sql_log_off",
    "timestamp",
});

template <std::size_t n>
bool contains(const std::array<std::string_view, n>& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(), [&](std::string_view entry) { return equals_folded(name, entry); });
}

}  // namespace

SystemVariable parse_system_variable(std::string_view text) {
  if (!text.starts_with("@@")) return {};
  text.remove_prefix(2);
  SystemVariable variable;
  if (const auto point = text.find('.'); point != std::string_view::npos) {
    const std::string_view scope = text.substr(0, point);
    if (equals_folded(scope, "global") || equals_folded(scope, "persist") || equals_folded(scope, "persist_only")) {
      variable.scope = VariableScope::global;
    } else if (equals_folded(scope, "session") || equals_folded(scope, "local")) {
      variable.scope = VariableScope::session;
    } else {
      return {};
    }
    text.remove_prefix(point + 1);
  }
  if (text.find_first_of("`.") == std::string_view::npos) variable.name = text;
  return variable;
}

bool reads_same_everywhere(std::string_view name) { return contains(shared_reads, name); }

bool stays_with_connection(std::string_view name) {
  return contains(connection_bound, name) || (name.size() > 6 && equals_folded(name.substr(0, 6), "wsrep_"));
}

}  // namespace sluice::router
