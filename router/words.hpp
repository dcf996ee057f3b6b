// What sluice knows about a word of SQL: is it a keyword that the classifier acts on, a built-in function, or neither.
//
// Flow: the lexer folds and hashes a word while it reads it, `find_word(text, hash)` answers with one probe or two of a
// table that was laid out at compile time; an unknown word gets `unknown_word`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::router {

// Only the words that decide something; `reserved` stands for every other reserved word.
enum class Keyword : std::uint8_t {
  none,
  reserved,
  alter,
  analyze,
  and_,
  as,
  backup,
  begin,
  binlog,
  call,
  chain,
  change,
  character,
  charset,
  check,
  checksum,
  clone,
  close,
  code,
  collate,
  collation,
  columns,
  commit,
  committed,
  concurrent,
  consistent,
  count,
  create,
  database,
  databases,
  deallocate,
  default_,
  delete_,
  desc,
  describe,
  diagnostics,
  do_,
  drop,
  errors,
  event,
  events,
  execute,
  explain,
  export_,
  extended,
  false_,
  fields,
  flush,
  for_,
  format,
  from,
  full,
  function,
  get,
  global,
  grant,
  grants,
  handler,
  help,
  if_,
  immediate,
  in,
  index,
  indexes,
  insert,
  install,
  instance,
  into,
  isolation,
  json_table,
  keys,
  kill,
  level,
  load,
  local,
  lock,
  member,
  names,
  next,
  no,
  not_,
  null,
  of,
  off,
  on,
  only,
  open,
  optimize,
  or_,
  package,
  partitions,
  password,
  persist,
  persist_only,
  prepare,
  previous,
  procedure,
  purge,
  read,
  recover,
  recursive,
  release,
  rename,
  repair,
  repeatable,
  replace,
  reset,
  resource,
  restart,
  revoke,
  role,
  rollback,
  savepoint,
  schema,
  schemas,
  select,
  sequence,
  serializable,
  server,
  session,
  set,
  share,
  show,
  shutdown,
  signal,
  resignal,
  snapshot,
  sql_calc_found_rows,
  start,
  statement,
  status,
  stop,
  table,
  tables,
  temporary,
  to,
  transaction,
  trigger,
  triggers,
  true_,
  truncate,
  uncommitted,
  uninstall,
  unlock,
  update,
  use,
  user,
  value,
  values,
  view,
  warnings,
  with,
  work,
  write,
  xa,
};

// What calling a built-in function means for routing.
enum class FunctionClass : std::uint8_t {
  none,  // not a built-in function: a call of it is a call of a stored one
  pure,  // reads its arguments, the session's own settings or tables
  get_lock,
  release_lock,
  release_all_locks,
  lock_query,
  wait_position,
  last_insert_id,
  diagnostics,
  connection_id,
  load_file,
  sequence,
  sequence_past,
  column_default,
  server_state,
};

// Which servers have a function built in: elsewhere the name may belong to a stored function.
enum Servers : std::uint8_t {
  servers_mariadb = 1,
  servers_mysql56 = 2,
  servers_mysql57 = 4,
  servers_mysql80 = 8,
  servers_all = 15,
};

struct Word {
  std::string_view name;  // lower case
  Keyword keyword = Keyword::none;
  FunctionClass function = FunctionClass::none;
  std::uint8_t servers = 0;  // of the function
  bool opens_paren = false;  // a reserved word that may stand before "(" without being called
  bool tight_paren = false;  // called only with "(" right behind it (unless sql_mode has IGNORE_SPACE)
};

inline constexpr Word unknown_word{};
inline constexpr std::size_t word_length_max = 40;

inline constexpr std::uint32_t word_hash_start = 2166136261U;
// One byte more of a word's hash; letters count the same in both cases.
[[nodiscard]] constexpr std::uint32_t word_hash_step(std::uint32_t hash, unsigned char byte) {
  return (hash ^ (byte | 0x20U)) * 16777619U;
}

[[nodiscard]] constexpr char ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

// `lower` must be in lower case already; compares ASCII letters without case.
[[nodiscard]] constexpr bool equals_folded(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (ascii_lower(text[i]) != lower[i]) return false;
  }
  return true;
}

// The entry of a word, in any case; `hash` is its `word_hash_step` over all bytes. Never null.
[[nodiscard]] const Word& find_word(std::string_view text, std::uint32_t hash);
[[nodiscard]] const Word& find_word(std::string_view text);

}  // namespace sluice::router
