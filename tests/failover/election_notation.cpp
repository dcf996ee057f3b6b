#include "failover/election_notation.hpp"

#include <optional>
#include <sstream>
#include <stdexcept>

#include "failover/notation_words.hpp"
#include "failover/sound_server.hpp"

namespace sluice::failover::testing {
namespace {

using protocol::GtidSet;

std::optional<GtidSet> parse_set(const std::string& text) {
  if (text == "?") return std::nullopt;
  if (text == "none") return GtidSet();
  const auto set = GtidSet::parse(spelled(text));
  if (!set) throw std::invalid_argument("no GTID set: " + text);
  return set;
}

std::uint32_t parse_version(const std::string& text) {
  const auto dot = text.find('.');
  return number_in(text.substr(0, dot)) * 10'000 + number_in(text.substr(dot + 1)) * 100 + 7;
}

void parse_header(const std::string& line, ElectionInput& input) {
  std::istringstream words(line);
  std::string kind;
  std::string leader;
  words >> kind >> leader;
  if (kind != "lost" && kind != "planned") throw std::invalid_argument("neither lost nor planned: " + line);
  input.planned = kind == "planned";
  if (leader != "?") input.leader = index_of(leader);
  for (std::string word; words >> word;) {
    const auto value = value_of(word);
    if (word == "final") {
      input.leader_set_final = true;
    } else if (word.starts_with("acks=")) {
      input.leader_acks = number_in(word);
    } else if (word.starts_with("unseen=")) {
      input.leader_unseen = number_in(word);
    } else if (word.starts_with("wanted=")) {
      input.wanted = index_of(value);
    } else if (word == "loss=none" || word == "loss=any") {
      input.loss = value == "any" ? Loss::any : Loss::none;
    } else if (word.starts_with("loss=")) {
      input.loss = Loss::bounded;
      input.loss_max = number_in(word);
    } else {
      throw std::invalid_argument("not known: " + word);
    }
  }
}

bool parse_flag(const std::string& word, ElectionServer& server) {
  if (word == "stopped")
    server.io_running = server.sql_running = !(server.stopped_before_loss = true);
  else if (word == "down")
    server.reachable = false;
  else if (word == "io")
    server.io_running = false;
  else if (word == "sql")
    server.sql_running = false;
  else if (word == "nolog")
    server.binary_log = false;
  else if (word == "noupdates")
    server.logs_replicated = false;
  else if (word == "full")
    server.disk_full = true;
  else if (word == "semi")
    server.semi_sync = true;
  else if (word == "restarted")
    server.restarted = true;
  else if (word == "out")
    server.left_out = "is left out";
  else if (word == "ignored")
    server.ignored = true;
  else if (word == "maintenance")
    server.maintenance = true;
  else if (word == "mysql")
    server.flavour = Flavour::mysql;
  else
    return false;
  return true;
}

bool parse_value(const std::string& word, ElectionServer& server) {
  const auto value = value_of(word);
  if (word.starts_with("relay="))
    server.received = parse_set(value);
  else if (word.starts_with("v="))
    server.version = parse_version(value);
  else if (word.starts_with("id="))
    server.server_id = number_in(word);
  else if (word.starts_with("delay="))
    server.delay_s = number_in(word);
  else if (word.starts_with("filters="))
    server.filters = value;
  else if (word.starts_with("pref="))
    server.preference = std::stoi(value);
  else
    return false;
  return true;
}

ElectionServer parse_server(const std::string& line, const ElectionInput& input) {
  std::istringstream words(line);
  std::string name;
  std::string executed;
  words >> name >> executed;
  const auto index = input.servers.size();
  auto server = sound_server(index, executed.find(':') != std::string::npos ? Flavour::mysql : Flavour::mariadb);
  if (name != server.name) throw std::invalid_argument("servers are A, B, … in order: " + line);
  server.executed = server.received = parse_set(executed);
  bool has_sources = index == input.leader;
  for (std::string word; words >> word;) {
    if (word.front() == '<') {
      has_sources = true;
      if (word != "<-") server.sources.push_back(index_of(word.substr(1)));
    } else if (!parse_flag(word, server) && !parse_value(word, server)) {
      throw std::invalid_argument("not known: " + word);
    }
  }
  if (!has_sources) server.sources.push_back(input.leader.value_or(0));
  return server;
}

}  // namespace

std::string spelled(const std::string& text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_name = (i == 0 || text[i - 1] == ',') && i + 1 < text.size() && text[i + 1] == ':';
    result += is_name ? uuid_of(text[i]) : std::string(1, text[i]);
  }
  return result;
}

std::string shortened(std::string text) {
  for (char letter = 'a'; letter <= 'f'; ++letter) {
    const auto uuid = uuid_of(letter);
    for (auto at = text.find(uuid); at != std::string::npos; at = text.find(uuid))
      text.replace(at, uuid.size(), 1, letter);
  }
  return text;
}

ElectionInput parse_election(const std::vector<std::string>& lines) {
  ElectionInput input;
  parse_header(lines.at(0), input);
  for (std::size_t i = 1; i < lines.size(); ++i) input.servers.push_back(parse_server(lines[i], input));
  return input;
}

std::string describe(const ElectionInput& input, const Election& election) {
  std::string text = election.winner ? "winner " + input.servers[*election.winner].name : "no winner";
  if (election.most_advanced) text += " after " + input.servers[*election.most_advanced].name;
  text += election.proven ? ", proven\n  " : ", not proven\n  ";
  text += election.reason + "\n";
  if (!election.may_lose.empty()) text += "  may lose " + election.may_lose + "\n";
  for (std::size_t i = 0; i < input.servers.size(); ++i) {
    const auto& verdict = election.servers[i];
    text += "  " + input.servers[i].name + (verdict.eligible ? "  ok  " : "  --  ") + verdict.reason + "\n";
  }
  return shortened(text);
}

}  // namespace sluice::failover::testing
