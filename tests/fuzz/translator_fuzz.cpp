// A server's answer, any bytes, translated for a client: chunks don't matter, and what comes out is an answer that the
// client can follow to its end, no longer than the input and the packets added.
// Input: one byte each for the shape, both sides' capabilities and the length of chunks; the rest is the answer.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "protocol/response_framer.hpp"
#include "protocol/response_translator.hpp"

namespace {

using namespace sluice::protocol;

struct Outcome {
  ByteBuffer out;
  bool done = false;
  bool malformed = false;
};

void require(bool condition) {
  if (!condition) std::abort();
}

Outcome translate(ResponseShape shape, Capabilities server, Capabilities client, Bytes answer, std::size_t chunk) {
  ResponseTranslator translator;
  translator.start(shape, server, client);
  Outcome outcome;
  while (!answer.empty() && !translator.done() && !outcome.malformed) {
    Bytes input = answer.first(std::min(chunk, answer.size()));
    answer = answer.subspan(input.size());
    while (!input.empty() && !translator.done() && !outcome.malformed) {
      const TranslatorStep step = translator.feed(input, outcome.out);
      require(step.bytes <= input.size());
      require(step.bytes > 0 || step.kind == TranslatorStep::Kind::malformed);
      outcome.malformed = step.kind == TranslatorStep::Kind::malformed;
      input = input.subspan(step.bytes);
    }
  }
  outcome.done = translator.done();
  return outcome;
}

bool can_be_followed(ResponseShape shape, Capabilities caps, Bytes answer) {
  ResponseFramer framer;
  framer.start(shape, caps);
  while (!answer.empty() && !framer.done()) {
    const FramerStep step = framer.next(answer);
    if (step.kind == FramerStep::Kind::malformed) return false;
    answer = answer.subspan(step.bytes);
  }
  return framer.done() && answer.empty();
}

Capabilities caps_of(unsigned bits) {
  Capabilities caps = cap::protocol_41;
  if ((bits & 1) != 0) caps |= cap::deprecate_eof;
  if ((bits & 2) != 0) caps |= cap::session_track;
  return caps;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const auto shape = static_cast<ResponseShape>(data[0] % 7);
  const Capabilities server = caps_of(data[1]);
  const Capabilities client = caps_of(static_cast<unsigned>(data[1]) >> 2);
  const Bytes answer(data + 3, size - 3);
  const Outcome whole = translate(shape, server, client, answer, std::max<std::size_t>(answer.size(), 1));
  const Outcome cut = translate(shape, server, client, answer, 1 + data[2] % 32U);
  require(whole.done == cut.done && whole.malformed == cut.malformed);
  if (whole.done) {
    require(whole.out == cut.out);
    require(can_be_followed(shape, client, whole.out));
  }
  require(whole.out.size() <= 3 * answer.size() + 16);
  return 0;
}
