// Both sides of an authentication against a peer that says anything: a client that doesn't know the password is never
// accepted, and a password never leaves in clear over a channel that isn't secure.
// Input: a byte of options, then packets, each behind a byte with its length.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "protocol/auth.hpp"

namespace {

using namespace sluice::protocol;

constexpr std::string_view password = "a password that no fuzzer guesses";

void require(bool condition) {
  if (!condition) std::abort();
}

std::vector<Bytes> split(Bytes input) {
  std::vector<Bytes> packets;
  while (!input.empty() && packets.size() < 8) {
    const std::size_t length = std::min<std::size_t>(input[0], input.size() - 1);
    packets.push_back(input.subspan(1, length));
    input = input.subspan(1 + length);
  }
  return packets;
}

Nonce fixed_nonce() {
  Nonce nonce{};
  nonce.fill('n');
  return nonce;
}

Credential credential_of(unsigned options) {
  Credential credential;
  switch (options & 3) {
    case 0:
      credential.password = password;
      break;
    case 1:
      credential.native_hash = sha1(sha1(as_bytes(password)));
      break;
    case 2:
      credential.caching_sha2_fast = sha256(sha256(as_bytes(password)));
      break;
    default:
      credential.caching_sha2_hash = "$A$001$" + std::string(63, 's');
  }
  return credential;
}

void face_a_client(unsigned options, const std::vector<Bytes>& packets) {
  const Credential credential = credential_of(options);
  const ServerRsa rsa{"PEM", [](Bytes bytes) { return ByteBuffer(bytes.begin(), bytes.end()); }};
  ServerAuth auth((options & 0x40) != 0 ? nullptr : &credential,
                  (options & 4) != 0 ? caching_sha2_plugin : native_password_plugin, fixed_nonce(), (options & 8) != 0,
                  (options & 16) != 0 ? &rsa : nullptr);
  AuthAction action = auth.start(as_text(packets[0]), packets.size() > 1 ? packets[1] : Bytes{});
  for (std::size_t i = 2; i < packets.size() && action.kind == AuthAction::Kind::send; ++i) {
    action = auth.on_packet(packets[i]);
  }
  require(action.kind != AuthAction::Kind::accept);
}

void face_a_server(unsigned options, const std::vector<Bytes>& packets) {
  const bool secure = (options & 8) != 0;
  Secret secret;
  if ((options & 1) != 0) secret.password = password;
  if ((options & 2) != 0) secret.native_stage1 = sha1(as_bytes(password));
  ClientRsa rsa;
  if ((options & 16) != 0) rsa = [](std::string_view, Bytes bytes) { return ByteBuffer(bytes.begin(), bytes.end()); };
  ClientAuth auth(secret, secure, rsa);
  const auto check = [&](const ByteBuffer& sent) {
    if (!secure) require(as_text(sent).find(password) == std::string_view::npos);
  };
  check(auth.respond(as_text(packets[0]), fixed_nonce()));
  for (std::size_t i = 1; i < packets.size(); ++i) {
    const AuthAction action = auth.on_packet(packets[i]);
    require(action.kind != AuthAction::Kind::accept);
    check(action.payload);
    if (action.kind == AuthAction::Kind::refuse) {
      require(!auth.refusal().empty());
      break;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::vector<Bytes> packets = split(Bytes(data + 1, size - 1));
  if ((data[0] & 0x80) != 0) {
    face_a_server(data[0], packets);
  } else {
    face_a_client(data[0], packets);
  }
  return 0;
}
