// A TLS server that a peer feeds: garbage as its first bytes, or damage after a good handshake.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "proxy/tls/self_signed.hpp"
#include "proxy/tls/tls_context.hpp"
#include "proxy/tls/tls_engine.hpp"

namespace {

using sluice::protocol::ByteBuffer;
using sluice::protocol::Bytes;
using namespace sluice::tls;

const TlsContext& server_context() {
  static const TlsContext context = [] {
    char dir[] = "/tmp/sluice-tls-fuzz-XXXXXX";
    const auto files = make_self_signed(::mkdtemp(dir));
    TlsContext made = *TlsContext::server({files->certificate, files->key});
    std::filesystem::remove_all(dir);
    return made;
  }();
  return context;
}

void drain(TlsEngine& from, TlsEngine* to) {
  ByteBuffer block(4096);
  while (const std::size_t size = from.take_ciphertext(block)) {
    if (to != nullptr) (void)to->receive(Bytes(block).first(size));
  }
}

void feed(TlsEngine& server, Bytes bytes, std::size_t chunk) {
  ByteBuffer plain(512);
  while (!bytes.empty()) {
    const Bytes piece = bytes.first(std::min(chunk, bytes.size()));
    bytes = bytes.subspan(piece.size());
    (void)server.receive(piece);
    while (server.read(plain).bytes > 0) {
    }
    if (server.pending_ciphertext() > TlsEngine::pending_max) std::abort();
    drain(server, nullptr);
  }
  if ((server.state() == TlsEngine::State::failed) == server.error().empty()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t chunk = 1U + data[1];
  TlsEngine server = std::move(*TlsEngine::server(server_context()));
  if ((data[0] & 1) != 0) {
    static const TlsContext client_context = *TlsContext::client({});
    TlsEngine client = std::move(*TlsEngine::client(client_context, "localhost"));
    while (client.pending_ciphertext() + server.pending_ciphertext() > 0) {
      drain(client, &server);
      drain(server, &client);
    }
    if (!server.handshake_done()) std::abort();
  }
  feed(server, {data + 2, size - 2}, chunk);
  return 0;
}
