#include "proxy/state/kept_diagnostics.hpp"

#include <utility>

#include "protocol/packet.hpp"
#include "protocol/reader.hpp"
#include "protocol/response.hpp"

namespace sluice::proxy {

using protocol::ByteBuffer;
using protocol::Bytes;

namespace {

// Takes the next packet off the front. nullopt: there is no whole one. What is kept is far smaller than the longest.
std::optional<Bytes> next_payload(Bytes& packets) {
  if (packets.size() < protocol::packet_header_size) return std::nullopt;
  const auto header = protocol::read_packet_header(packets);
  packets = packets.subspan(protocol::packet_header_size);
  if (header.continued() || header.length > packets.size()) return std::nullopt;
  const Bytes payload = packets.first(header.length);
  packets = packets.subspan(header.length);
  return payload;
}

bool is_error(Bytes row) { return protocol::Reader(row).lenenc_text() == "Error"; }

std::size_t index_of(DiagnosticsQuestion::About about) {
  switch (about) {
    case DiagnosticsQuestion::About::count_of_warnings:
      return 1;
    case DiagnosticsQuestion::About::count_of_errors:
      return 2;
    default:
      return 0;
  }
}

void append_end(ByteBuffer& out, std::uint8_t sequence, std::uint16_t warnings, protocol::StatusFlags status,
                bool classic) {
  ByteBuffer payload;
  if (classic) {
    protocol::append_eof(payload, {.warnings = warnings, .status = status});
  } else {
    protocol::OkPacket ok;
    ok.status = status;
    ok.warnings = warnings;
    constexpr std::uint8_t ends_rows = 0xfe;
    protocol::append_ok(payload, ok, 0, ends_rows);
  }
  protocol::append_packet(out, sequence, payload);
}

}  // namespace

void KeptDiagnostics::add(ByteBuffer packets, std::uint16_t warnings) {
  if (complete()) return;
  packets.shrink_to_fit();
  answers_[added_++] = {std::move(packets), warnings};
}

std::size_t KeptDiagnostics::bytes() const {
  std::size_t sum = 0;
  for (const auto& answer : answers_) sum += answer.packets.size();
  return sum;
}

std::optional<ByteBuffer> KeptDiagnostics::answer(const DiagnosticsQuestion& question, protocol::Capabilities client,
                                                  protocol::StatusFlags status) const {
  const Answer& from = answers_[index_of(question.about)];
  const bool classic = !protocol::has(client, protocol::cap::deprecate_eof);
  Bytes packets = from.packets;
  ByteBuffer out;
  std::uint8_t sequence = 1;
  const auto count = next_payload(packets);
  if (!count) return std::nullopt;
  sequence = protocol::append_packet(out, sequence, *count);
  protocol::Reader columns(*count);
  for (std::uint64_t left = columns.lenenc(); left > 0; --left) {
    const auto definition = next_payload(packets);
    if (!definition) return std::nullopt;
    sequence = protocol::append_packet(out, sequence, *definition);
  }
  if (!columns.ok()) return std::nullopt;
  if (classic) append_end(out, sequence++, from.warnings, status, classic);
  std::uint64_t seen = 0;
  std::uint64_t told = 0;
  while (!packets.empty()) {
    const auto row = next_payload(packets);
    if (!row) return std::nullopt;
    if (question.about == DiagnosticsQuestion::About::errors && !is_error(*row)) continue;
    if (seen++ < question.skipped || told >= question.rows_max) continue;
    sequence = protocol::append_packet(out, sequence, *row);
    ++told;
  }
  append_end(out, sequence, from.warnings, status, classic);
  return out;
}

}  // namespace sluice::proxy
