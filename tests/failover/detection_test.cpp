// failover/detection.hpp against testdata/detection.txt: each block of lines that begin with ">" is what the witnesses
// say, and below it stands everything that was found. The notation is told at the top of the file.
//
// SLUICE_REWRITE_TESTDATA=1 in the environment writes the file anew from what analyse() says; then read the difference.
#include "failover/detection.hpp"

#include <gtest/gtest.h>

#include <sstream>
#include <stdexcept>

#include "failover/golden_file.hpp"
#include "failover/notation_words.hpp"

namespace sluice::failover {
namespace {

using std::chrono::milliseconds;
using testing::index_of;
using testing::number_in;

void parse_probe(const std::string& word, Witness& server) {
  const auto end = word.find(':');
  const auto kind = word.substr(0, end);
  if (kind == "refused")
    server.probe = Probe::refused;
  else if (kind == "silent")
    server.probe = Probe::silent;
  else if (kind == "turned_away")
    server.probe = Probe::turned_away;
  else if (kind == "unasked")
    server.probe = Probe::none;
  else if (kind != "up")
    throw std::invalid_argument("no probe: " + word);
  if (end != std::string::npos) server.lost_for = milliseconds(std::stoi(word.substr(end + 1)));
}

bool parse_channel(const std::string& word, Witness& server) {
  if (word.front() == '<') {
    server.channels.push_back({});
    server.channels.back().source = index_of(word.substr(1));
    return true;
  }
  if (server.channels.empty()) return false;
  auto& channel = server.channels.back();
  if (word == "connecting" || word == "stopped")
    channel.io = word == "stopped" ? IoThread::stopped : IoThread::connecting;
  else if (word == "nosql")
    channel.sql_running = false;
  else if (word.starts_with("quiet="))
    channel.quiet_for = milliseconds(number_in(word));
  else if (word.starts_with("heartbeat="))
    channel.heartbeat = milliseconds(number_in(word));
  else if (word.starts_with("lag="))
    channel.lag_ms = number_in(word);
  else
    return false;
  return true;
}

bool parse_own(const std::string& word, Witness& server) {
  if (word == "maintenance")
    server.maintenance = true;
  else if (word.starts_with("clients_refused="))
    server.data.refused = number_in(word);
  else if (word.starts_with("clients_reset="))
    server.data.reset = number_in(word);
  else if (word.starts_with("clients_silent="))
    server.data.silent = number_in(word);
  else if (word.starts_with("clients_answered="))
    server.data.answered = number_in(word);
  else if (word.starts_with("acks="))
    server.semi_sync.wanted = number_in(word);
  else if (word.starts_with("semi="))
    server.semi_sync.replicas = number_in(word);
  else if (word.starts_with("waiting="))
    server.semi_sync.waiting = number_in(word);
  else if (word.starts_with("for="))
    server.semi_sync.waiting_for = milliseconds(number_in(word));
  else
    return false;
  return true;
}

DetectionInput parse(const std::vector<std::string>& lines) {
  DetectionInput input;
  for (const auto& line : lines) {
    std::istringstream words(line);
    Witness server;
    std::string probe;
    words >> server.name >> probe;
    server.probe = Probe::answered;
    parse_probe(probe, server);
    for (std::string word; words >> word;) {
      if (word == "leads")
        input.leader = input.servers.size();
      else if (word.starts_with("error="))
        std::getline(words >> std::ws, server.error);
      else if (!parse_channel(word, server) && !parse_own(word, server))
        throw std::invalid_argument("not known: " + word);
    }
    input.servers.push_back(std::move(server));
  }
  return input;
}

std::string describe(const DetectionInput& input) {
  std::string text;
  for (const auto& finding : analyse(input)) {
    text += std::string(to_string(finding.analysis)) + ": " + std::string(to_string(finding.decision));
    if (finding.decision != Decision::nothing) text += ", " + input.servers[finding.server].name;
    text += "\n  " + finding.reason + "\n";
  }
  return text;
}

TEST(Analyse, MatchesTheGoldenFile) {
  match_golden_blocks("detection.txt", [](const auto& lines) { return describe(parse(lines)); });
}

}  // namespace
}  // namespace sluice::failover
