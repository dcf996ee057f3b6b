// ClientAuth: proves us to a server.
#include <openssl/crypto.h>

#include <algorithm>
#include <utility>

#include "protocol/auth.hpp"
#include "protocol/auth_methods.hpp"
#include "protocol/sha2_exchange.hpp"

namespace sluice::protocol {

namespace {

constexpr std::uint8_t auth_switch_byte = 0xfe;

ByteBuffer terminated(std::string_view password) {
  ByteBuffer bytes;
  bytes.reserve(password.size() + 1);  // no second copy of a password in freed memory
  bytes.assign(password.begin(), password.end());
  bytes.push_back(0);
  return bytes;
}

}  // namespace

ClientAuth::ClientAuth(const Secret& secret, bool secure_channel, ClientRsa rsa)
    : secret_(&secret), rsa_(std::move(rsa)), secure_channel_(secure_channel) {}

// nullopt: the secret can't answer by this method.
std::optional<ByteBuffer> ClientAuth::native_answer() const {
  if (secret_->password && secret_->password->empty()) return ByteBuffer{};
  std::optional<Sha1> stage1 = secret_->native_stage1;
  if (secret_->password) stage1 = sha1(as_bytes(*secret_->password));
  if (!stage1) return std::nullopt;
  const Sha1 response = native_response(*stage1, nonce_);
  return ByteBuffer(response.begin(), response.end());
}

std::optional<ByteBuffer> ClientAuth::sha2_answer() const {
  if (secret_->password && secret_->password->empty()) return ByteBuffer{};
  std::optional<Sha256> stage1 = secret_->sha2_stage1;
  if (secret_->password) stage1 = sha256(as_bytes(*secret_->password));
  if (!stage1) return std::nullopt;
  const Sha256 response = caching_sha2_response(*stage1, nonce_);
  return ByteBuffer(response.begin(), response.end());
}

ByteBuffer ClientAuth::respond(std::string_view plugin, const Nonce& nonce) {
  nonce_ = nonce;
  stage_ = Stage::proof;
  caching_sha2_ = plugin == caching_sha2_plugin;
  return (caching_sha2_ ? sha2_answer() : native_answer()).value_or(ByteBuffer{});
}

AuthAction ClientAuth::on_packet(Bytes payload) {
  if (payload.empty()) return refuse("the server sent an empty authentication packet");
  if (payload[0] == auth_switch_byte) return on_switch(payload);
  if (payload[0] == more_data_byte) return on_more_data(payload.subspan(1));
  return refuse("the server sent an unknown authentication packet");
}

AuthAction ClientAuth::on_switch(Bytes payload) {
  if (stage_ != Stage::proof) return refuse("the server switched methods twice or in the middle of an exchange");
  stage_ = Stage::switched;
  const auto request = parse_auth_switch(payload);
  if (!request) return refuse("the server sent a malformed switch request");
  const bool sha2 = request->auth_plugin == caching_sha2_plugin;
  if (!sha2 && request->auth_plugin != native_password_plugin) {
    return refuse("the server wants an authentication method other than mysql_native_password, caching_sha2_password");
  }
  if (request->data.size() != nonce_.size()) return refuse("the server sent a nonce of a wrong length");
  std::copy(request->data.begin(), request->data.end(), nonce_.begin());
  caching_sha2_ = sha2;
  std::optional<ByteBuffer> answer = sha2 ? sha2_answer() : native_answer();
  if (!answer) return refuse("the server wants a method that the known secret can't answer: the password is needed");
  return {AuthAction::Kind::send, std::move(*answer)};
}

AuthAction ClientAuth::on_more_data(Bytes data) {
  if (!caching_sha2_) return refuse("the server sent data that mysql_native_password doesn't have");
  if (stage_ == Stage::public_key) return send_encrypted(as_text(data));
  if ((stage_ != Stage::proof && stage_ != Stage::switched) || data.size() != 1)
    return refuse("the server broke the caching_sha2_password exchange");
  if (data[0] == fast_auth_success) return {AuthAction::Kind::wait, {}};
  if (data[0] == perform_full_authentication) return send_full_password();
  return refuse("the server broke the caching_sha2_password exchange");
}

AuthAction ClientAuth::send_full_password() {
  if (!secret_->password) return refuse("the server wants the password itself, and only a digest of it is known");
  if (secure_channel_) {
    stage_ = Stage::full_sent;
    return {AuthAction::Kind::send, terminated(*secret_->password)};
  }
  if (!rsa_) return refuse("the server wants the password over a channel that isn't secure");
  stage_ = Stage::public_key;
  return {AuthAction::Kind::send, {request_public_key}};
}

AuthAction ClientAuth::send_encrypted(std::string_view public_key_pem) {
  stage_ = Stage::full_sent;
  ByteBuffer plain = terminated(*secret_->password);
  xor_with_nonce(plain, nonce_);
  std::optional<ByteBuffer> encrypted = rsa_(public_key_pem, plain);
  OPENSSL_cleanse(plain.data(), plain.size());
  if (!encrypted) return refuse("the server's public key can't be used");
  return {AuthAction::Kind::send, std::move(*encrypted)};
}

AuthAction ClientAuth::refuse(std::string_view why) {
  refusal_ = why;
  return {AuthAction::Kind::refuse, {}};
}

}  // namespace sluice::protocol
