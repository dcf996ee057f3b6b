// docs/configuration.md and the code name the same keys with the same defaults and units, both ways.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include "admin/config_listing.hpp"

namespace sluice::admin {
namespace {

using Row = std::tuple<std::string, std::string>;  // default, unit
using Keys = std::map<std::string, Row>;           // "[proxy] listen"

std::string stripped(std::string text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '`')) text.erase(text.begin());
  while (!text.empty() && (text.back() == ' ' || text.back() == '`')) text.pop_back();
  return text;
}

Keys documented() {
  std::ifstream file(SLUICE_DOCS_DIR "/configuration.md");
  Keys keys;
  std::string section;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("## ")) section = line.starts_with("## `[") ? stripped(line.substr(3)) : "";
    if (section.empty() || !line.starts_with("| `")) continue;
    std::vector<std::string> cells;
    std::istringstream row(line.substr(1));
    for (std::string cell; std::getline(row, cell, '|');) cells.push_back(stripped(cell));
    if (cells.size() < 4) {
      ADD_FAILURE() << "a row needs key, default, unit, meaning: " << line;
      continue;
    }
    EXPECT_FALSE(cells[3].empty()) << line;
    EXPECT_TRUE(keys.emplace(section + " " + cells[0], Row{cells[1], cells[2]}).second) << "twice: " << line;
  }
  return keys;
}

Keys implemented() {
  Keys keys;
  for (const Setting& s : list_keys()) keys[s.section + " " + s.key] = Row{s.value, std::string(unit_name(s.unit))};
  return keys;
}

TEST(ConfigDocs, EveryKeyOfTheCodeIsDocumentedWithItsDefaultAndUnit) {
  const Keys docs = documented();
  for (const auto& [key, row] : implemented()) {
    const auto found = docs.find(key);
    if (found == docs.end()) {
      ADD_FAILURE() << key << " is not in docs/configuration.md";
      continue;
    }
    EXPECT_EQ(std::get<0>(found->second), std::get<0>(row)) << "default of " << key;
    EXPECT_EQ(std::get<1>(found->second), std::get<1>(row)) << "unit of " << key;
  }
}

TEST(ConfigDocs, EveryDocumentedKeyExists) {
  const Keys code = implemented();
  const Keys docs = documented();
  EXPECT_FALSE(docs.empty());
  for (const auto& [key, row] : docs) EXPECT_TRUE(code.contains(key)) << key << " is documented and does not exist";
}

}  // namespace
}  // namespace sluice::admin
