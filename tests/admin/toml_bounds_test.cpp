// Texts that are deep or have many tables: they end in an error before the parser can be hurt by them.
#include "admin/toml_bounds.hpp"

#include <gtest/gtest.h>
#include <pthread.h>

#include <string>

#include "admin/config.hpp"

namespace sluice::admin {
namespace {

std::string times(std::size_t n, std::string_view text) {
  std::string out;
  while (n-- > 0) out += text;
  return out;
}

// "a0=1\na1=1\n…"
std::string numbered(int n, std::string_view before, std::string_view behind) {
  std::string out;
  for (int i = 0; i < n; ++i) out.append(before).append(std::to_string(i)).append(behind);
  return out;
}

std::string first_problem(const std::string& text) {
  const auto loaded = parse_config(text, "s.toml", [](const std::string&) { return std::string("no such file"); });
  return loaded.problems.empty() ? "" : to_string(loaded.problems.front());
}

std::string excess_of(std::string_view text, const TomlBounds& bounds = {}) {
  const auto excess = find_toml_excess(text, bounds);
  if (!excess) return "";
  return std::to_string(excess->at.line) + ":" + std::to_string(excess->at.column) + " " + excess->text;
}

const std::string many_parts = "error: a key has more than 16 parts";
const std::string deep = "error: arrays and tables are nested more than 16 deep";
const std::string many = "error: the file has more than 50000 tables and arrays";

struct Hostile {
  std::string name;
  std::string text;
  std::string problem;
};

class HostileToml : public testing::TestWithParam<Hostile> {};

TEST_P(HostileToml, IsAnError) {
  ASSERT_LE(GetParam().text.size(), config_bytes_max);
  EXPECT_EQ(first_problem(GetParam().text), GetParam().problem);
}

std::string name_of(const testing::TestParamInfo<Hostile>& hostile) { return hostile.param.name; }

INSTANTIATE_TEST_SUITE_P(
    Kinds, HostileToml,
    testing::Values(Hostile{"dotted_key", "a" + times(520'000, ".a") + "=1", "s.toml:1:32: " + many_parts},
                    Hostile{"blanks_around_points", "a" + times(200'000, " .\ta") + "=1", "s.toml:1:63: " + many_parts},
                    Hostile{"quoted_parts", "a" + times(200'000, ".\"b\"") + "=1", "s.toml:1:62: " + many_parts},
                    Hostile{"literal_parts", "a" + times(100'000, R"(.'='."\"")") + "=1", "s.toml:1:69: " + many_parts},
                    Hostile{"table_header", "[a" + times(520'000, ".a") + "]", "s.toml:1:33: " + many_parts},
                    Hostile{"array_header", "\n[[a" + times(520'000, ".a") + "]]", "s.toml:2:34: " + many_parts},
                    Hostile{"arrays", "a=" + times(1'000'000, "["), "s.toml:1:19: " + deep},
                    Hostile{"arrays_on_lines", "a=" + times(500'000, "[\n"), "s.toml:17:1: " + deep},
                    Hostile{"inline_tables", "a=" + times(300'000, "{a="), "s.toml:1:51: " + deep},
                    Hostile{"dotted_keys_in_inline_tables", "a=" + times(200, "{a" + times(2500, ".a") + "=") + "1",
                            "s.toml:1:35: " + many_parts},
                    Hostile{"arrays_of_tables", times(170'000, "[[a]]\n"), "s.toml:25001:1: " + many},
                    Hostile{"headers", numbered(70'000, "[a", ".b]\n"), "s.toml:25001:1: " + many},
                    Hostile{"points", numbered(80'000, "a", ".b=1\n"), "s.toml:50001:7: " + many}),
    name_of);

// 320 levels, see TomlBounds: arrays of tables in each other, then a key whose value is a table with such a key.
std::string deepest_text() {
  const std::string more_parts = times(15, ".a");
  std::string text;
  for (std::size_t parts = 0; parts < 16; ++parts) text += "[[a" + times(parts, ".a") + "]]\n";
  text += "b" + more_parts + "=";
  return text + times(16, "{a" + more_parts + "=") + "1" + times(16, "}") + "\n";
}

void* read_deepest(void* problem) {
  *static_cast<std::string*>(problem) = first_problem(deepest_text());
  return nullptr;
}

TEST(TomlBounds, TheDeepestTextThatPassesNeedsLittleStack) {
  EXPECT_EQ(excess_of(deepest_text()), "");
  pthread_attr_t attributes;
  ASSERT_EQ(pthread_attr_init(&attributes), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, 1 << 20), 0);
  pthread_t thread{};
  std::string problem;
  ASSERT_EQ(pthread_create(&thread, &attributes, read_deepest, &problem), 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
  EXPECT_EQ(problem, "s.toml: error: no cluster is configured; write a [[cluster]] with name, servers, monitor");
}

constexpr TomlBounds small{.key_parts = 2, .nesting = 2, .tables = 100};

TEST(TomlBounds, TheBoundsThemselvesPass) {
  EXPECT_EQ(excess_of("a.b = [[1]]\n[[a.b]]\n[ \"a\" . 'b' ]\n", small), "");
  EXPECT_EQ(excess_of("a.b.c = 1", small), "1:4 a key has more than 2 parts");
  EXPECT_EQ(excess_of("a = [[{}]]", small), "1:7 arrays and tables are nested more than 2 deep");
  EXPECT_EQ(excess_of(times(101, "a = []\n"), small), "101:5 the file has more than 100 tables and arrays");
  EXPECT_EQ(excess_of("a = [1.5, 2.5, 3.5]\nb.c = 0.5\nc = {d.e = 1.5, f.g = 2.5}", small), "");
}

TEST(TomlBounds, WhatIsQuotedOrCommentedDoesNotCount) {
  for (const char* text : {
           R"(a = "....[[[[{{{{")",
           R"(a = '....[[[[{{{{')",
           R"(a = "\\" # ....[[[[{{{{)",
           R"(a = "\"....[[[[{{{{")",
           R"(a = '\' # ....[[[[{{{{)",
           "a = \"\"\"....\n\" \"\" ''' \\\"\"\" [[[[{{{{\"\"\"",
           "a = '''....\n' '' \"\"\" [[[[{{{{'''",
           R"(a = """....""""" # "....)",
           R"(a = '''....'''' # '....)",
           R"(a = "" # "....)",
           "# \"\n# '''\n# ....[[[[{{{{",
           R"("a....[[[[" . 'b....{{{{' = 1)",
           R"(a = """ never closed ....[[[[{{{{)",
       }) {
    EXPECT_EQ(excess_of(text, small), "") << text;
  }
}

// Each text ends what is quoted or commented, and the next line has a key that is too long.
TEST(TomlBounds, WhatFollowsQuotesAndCommentsCounts) {
  for (const char* before : {R"(a = "x")", R"(a = "\\")", R"(a = 'x\')", R"(a = "")", R"(a = '')", R"(a = """x""")",
                             R"(a = """x"""")", R"(a = """x""""")", R"(a = '''x''''')", R"(a = """x\"""")",
                             R"(a = """""")", R"(a = '''''')", R"(# ")", R"(# """)", R"(a = 1 # ')", R"(a = "never)"}) {
    EXPECT_EQ(excess_of(std::string(before) + "\nb.c.d = 1", small), "2:4 a key has more than 2 parts") << before;
  }
}

TEST(TomlBounds, ColumnsCountCharacters) {
  EXPECT_EQ(excess_of("\n\"\u00e4\u20ac\".b.c = 1", small), "2:7 a key has more than 2 parts");
}

}  // namespace
}  // namespace sluice::admin
