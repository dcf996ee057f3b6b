// What SHOW WARNINGS and its kin give after a session's last statement: read from its connection before that goes to
// somebody else, and told from here if the session asks.
//
// Flow: put the `questions` to the connection and `add` each answer; later `answer` has the packets for the client.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include "protocol/bytes.hpp"
#include "protocol/capabilities.hpp"
#include "protocol/status.hpp"

namespace sluice::proxy {

struct DiagnosticsQuestion {
  enum class About : std::uint8_t { warnings, errors, count_of_warnings, count_of_errors };
  About about = About::warnings;
  std::uint64_t skipped = 0;  // rows; LIMIT
  std::uint64_t rows_max = std::numeric_limits<std::uint64_t>::max();
};

class KeptDiagnostics {
 public:
  // What an error is, only the level in the first one's rows tells.
  static constexpr std::array<std::string_view, 3> questions = {"SHOW WARNINGS", "SHOW COUNT(*) WARNINGS",
                                                                "SHOW COUNT(*) ERRORS"};

  // `packets`: an answer without its OK or classic EOF, which told that number of warnings.
  void add(protocol::ByteBuffer packets, std::uint16_t warnings);
  [[nodiscard]] bool complete() const { return added_ == questions.size(); }
  [[nodiscard]] std::size_t bytes() const;

  // Whole, from packet number 1 on. nullopt: the server's answer was not what it should be.
  [[nodiscard]] std::optional<protocol::ByteBuffer> answer(const DiagnosticsQuestion& question,
                                                           protocol::Capabilities client,
                                                           protocol::StatusFlags status) const;

 private:
  struct Answer {
    protocol::ByteBuffer packets;
    std::uint16_t warnings = 0;
  };
  std::array<Answer, questions.size()> answers_;
  std::size_t added_ = 0;
};

}  // namespace sluice::proxy
