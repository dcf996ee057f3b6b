// What one client says, made at random from the kinds of things that a session has: settings, transactions, savepoints,
// variables, temporary tables, locks, generated ids, prepared statements, stored code.
//
// Flow: `const Script a = make_script(seed, "a");`, and another with "b". Data (tables, locks, functions, XA ids) is
// each client's own, named with its prefix, so that what one client says alone may be compared with what it says beside
// another; what only a session has (@v, the temporary table tmp, the savepoint s, the statement p) is named alike on
// purpose.
//
// Left out is what a single run alone could not tell either (clocks, random numbers, connection ids), and what sluice
// is known not to keep apart yet: row counts and sequence values asked for after others used the connection, what
// init_connect sets after a reset, what a trigger did before its statement failed, a trigger's GET_LOCK(), what
// a view's function sets when a replica is asked first, DATABASE() in what was prepared while no schema was selected,
// and that a user variable which is NULL was named in a statement that somebody prepared.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::test {

struct Step {
  enum class Kind : std::uint8_t { query, use, prepare, execute, close, reset, change_user };
  Kind kind = Kind::query;
  std::string text;   // the statement; of `use`: the schema
  std::string value;  // of `execute`: the statement's one parameter
};

// As one would write it down: "prepare: SELECT ?", "SET @v = 1".
[[nodiscard]] std::string to_string(const Step& step);

struct Script {
  bool deprecate_eof = false;  // the client's capability
  std::vector<Step> steps;
};

[[nodiscard]] std::string to_string(const Script& script);

// The same for the same seed and prefix, in every build.
[[nodiscard]] Script make_script(std::uint32_t seed, std::string_view prefix);

// What the scripts with this prefix find there: said by root, once, in the schema `app`. The schemas `app` and `other`
// also have a table `here (s)` with their name in it.
[[nodiscard]] std::vector<std::string> definitions(std::string_view prefix);
// Brings the data back to what it was at first.
[[nodiscard]] std::vector<std::string> fresh_data(std::string_view prefix);
// What is left of the data, in one row a statement.
[[nodiscard]] std::vector<std::string> data_questions(std::string_view prefix);

// What somebody who has just logged on says to see that nothing of other sessions is there. Leaves nothing behind.
[[nodiscard]] Script newcomer();

}  // namespace sluice::test
