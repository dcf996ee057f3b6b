// A server's answer, any bytes: however it is cut, the framer passes on the same bytes, shows the same packets and
// comes to the same end.
// Input: one byte each for the shape, the capabilities and the length of chunks; the rest is the answer.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "protocol/response_framer.hpp"

namespace {

using namespace sluice::protocol;

struct Outcome {
  ByteBuffer passed;
  std::string shown;
  bool done = false;
  bool malformed = false;
};

void require(bool condition) {
  if (!condition) std::abort();
}

Outcome follow(ResponseShape shape, Capabilities caps, Bytes answer, std::size_t chunk) {
  ResponseFramer framer;
  framer.start(shape, caps);
  Outcome outcome;
  while (!answer.empty() && !framer.done() && !outcome.malformed) {
    Bytes input = answer.first(std::min(chunk, answer.size()));
    answer = answer.subspan(input.size());
    while (!input.empty() && !framer.done() && !outcome.malformed) {
      const FramerStep step = framer.next(input);
      require(step.bytes <= input.size());
      require(step.bytes > 0 || step.kind == FramerStep::Kind::malformed);
      Bytes passed;
      if (step.kind == FramerStep::Kind::relay) passed = input.first(step.bytes);
      if (step.kind == FramerStep::Kind::packet) passed = framer.packet();
      outcome.passed.insert(outcome.passed.end(), passed.begin(), passed.end());
      if (step.kind == FramerStep::Kind::packet && framer.role() != PacketRole::fragment) {
        outcome.shown += static_cast<char>(framer.role());
        outcome.shown += static_cast<char>(framer.after_columns() ? 'c' : '-');
        outcome.shown += as_text(framer.payload());
      }
      outcome.malformed = step.kind == FramerStep::Kind::malformed;
      input = input.subspan(step.bytes);
    }
  }
  outcome.done = framer.done();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const auto shape = static_cast<ResponseShape>(data[0] % 7);
  Capabilities caps = cap::protocol_41;
  if ((data[1] & 1) != 0) caps |= cap::deprecate_eof;
  if ((data[1] & 2) != 0) caps |= cap::session_track;
  if ((data[1] & 4) != 0) caps |= cap::mariadb_cache_metadata;
  const Bytes answer(data + 3, size - 3);
  const Outcome whole = follow(shape, caps, answer, std::max<std::size_t>(answer.size(), 1));
  const Outcome cut = follow(shape, caps, answer, 1 + data[2] % 32U);
  require(whole.done == cut.done && whole.malformed == cut.malformed && whole.shown == cut.shown);
  if (whole.done || whole.malformed) require(whole.passed == cut.passed);
  require(whole.passed.size() <= answer.size());
  require(std::equal(whole.passed.begin(), whole.passed.end(), answer.begin()));
  return 0;
}
