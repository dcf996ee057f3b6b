#include "proxy/packet_assembler.hpp"

#include <algorithm>

namespace sluice::proxy {

using protocol::packet_header_size;

std::optional<PacketAssembler::Packet> PacketAssembler::next(io::Slice& slice) {
  if (delivered_) {
    kept_.clear();
    delivered_ = false;
  }
  if (slice.empty() || too_long_) return std::nullopt;
  if (kept_.empty() && slice.size() >= packet_header_size) {
    const auto header = protocol::read_packet_header(slice.bytes());
    if (header.length > payload_max_) {
      too_long_ = true;
      return std::nullopt;
    }
    if (slice.size() >= packet_header_size + header.length) {
      const Packet packet{slice.bytes().subspan(packet_header_size, header.length), header.sequence};
      slice.drop_front(packet_header_size + header.length);
      return packet;
    }
  }
  const auto take = [&](std::size_t until) {
    const std::size_t n = std::min(until - std::min(until, kept_.size()), slice.size());
    const auto bytes = slice.bytes().first(n);
    kept_.insert(kept_.end(), bytes.begin(), bytes.end());
    slice.drop_front(n);
    return kept_.size() >= until;
  };
  if (!take(packet_header_size)) return std::nullopt;
  const auto header = protocol::read_packet_header(kept_);
  if (header.length > payload_max_) {
    too_long_ = true;
    return std::nullopt;
  }
  if (!take(packet_header_size + header.length)) return std::nullopt;
  delivered_ = true;
  return Packet{protocol::Bytes(kept_).subspan(packet_header_size), header.sequence};
}

}  // namespace sluice::proxy
