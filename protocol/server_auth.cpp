// ServerAuth: proves a client to us.
#include <openssl/crypto.h>

#include <cassert>
#include <utility>

#include "protocol/auth.hpp"
#include "protocol/auth_methods.hpp"
#include "protocol/sha2_exchange.hpp"

namespace sluice::protocol {

namespace {

// Whether the credential can prove a client by that method.
bool can_do_native(const Credential& credential) {
  return credential.password.has_value() || credential.native_hash.has_value();
}
bool can_do_sha2(const Credential& credential) {
  return credential.password.has_value() || credential.caching_sha2_hash.has_value() ||
         credential.caching_sha2_fast.has_value();
}

// The method that the account wants, unless the other one is all that its credential can do.
bool choose_caching_sha2(const Credential* credential, std::string_view wanted) {
  const bool sha2 = wanted == caching_sha2_plugin;
  if (credential == nullptr) return sha2;
  return sha2 ? can_do_sha2(*credential) || !can_do_native(*credential)
              : can_do_sha2(*credential) && !can_do_native(*credential);
}

std::optional<int> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return std::nullopt;
}

}  // namespace

std::optional<Credential> parse_password_hash(std::string_view hash) {
  Credential credential;
  if (is_caching_sha2_hash(hash)) {
    credential.caching_sha2_hash = std::string(hash);
    return credential;
  }
  Sha1 digest{};
  if (hash.size() != 1 + 2 * digest.size() || hash[0] != '*') return std::nullopt;
  for (std::size_t i = 0; i < digest.size(); ++i) {
    const auto high = hex_digit(hash[1 + 2 * i]);
    const auto low = hex_digit(hash[2 + 2 * i]);
    if (!high || !low) return std::nullopt;
    digest[i] = static_cast<std::uint8_t>(*high * 16 + *low);
  }
  credential.native_hash = digest;
  return credential;
}

ServerAuth::ServerAuth(const Credential* credential, std::string_view plugin, const Nonce& nonce, bool secure_channel,
                       const ServerRsa* rsa)
    : credential_(credential),
      nonce_(nonce),
      rsa_(rsa != nullptr && rsa->decrypt && !rsa->public_key_pem.empty() ? rsa : nullptr),
      secure_channel_(secure_channel),
      caching_sha2_(choose_caching_sha2(credential, plugin)) {}

AuthAction ServerAuth::start(std::string_view client_plugin, Bytes response) {
  assert(stage_ == Stage::new_client);
  used_password_ = !response.empty();
  // A client that names no method uses the native one, and knows no switch request.
  const std::string_view method = caching_sha2_ ? caching_sha2_plugin : native_password_plugin;
  if (client_plugin.empty()) {
    if (caching_sha2_ && credential_ != nullptr && !can_do_native(*credential_)) return refuse();
    caching_sha2_ = false;
    return check(response);
  }
  if (client_plugin == method) return check(response);
  stage_ = Stage::response;
  const AuthSwitch request{std::string(method), ByteBuffer(nonce_.begin(), nonce_.end())};
  return {AuthAction::Kind::send, encode_auth_switch(request)};
}

AuthAction ServerAuth::on_packet(Bytes payload) {
  switch (stage_) {
    case Stage::response:
      return check(payload);
    case Stage::full_password:
      return on_full_password(payload);
    case Stage::encrypted:
      return on_encrypted(payload);
    case Stage::new_client:
    case Stage::finished:
      break;
  }
  return refuse();
}

AuthAction ServerAuth::check(Bytes response) { return caching_sha2_ ? check_fast(response) : check_native(response); }

bool ServerAuth::empty_password() const {
  return credential_ != nullptr && credential_->password.has_value() && credential_->password->empty();
}

AuthAction ServerAuth::check_native(Bytes response) {
  used_password_ = !response.empty();
  if (credential_ == nullptr) return refuse();
  if (response.empty() || empty_password()) return response.empty() && empty_password() ? accept() : refuse();
  std::optional<Sha1> stored = credential_->native_hash;
  if (credential_->password) stored = sha1(sha1(as_bytes(*credential_->password)));
  if (!stored) return refuse();
  const std::optional<Sha1> stage1 = verify_native(response, nonce_, *stored);
  if (!stage1) return refuse();
  secret_.native_stage1 = stage1;
  return accept();
}

// The first response of caching_sha2. Whatever is wrong with it, the client is asked for the password itself: so a
// wrong password, an unknown account and a hash that only the password can prove look the same.
AuthAction ServerAuth::check_fast(Bytes response) {
  const bool empty = response.empty() || (response.size() == 1 && response[0] == 0);
  used_password_ = !empty;
  if (empty) return empty_password() ? accept() : refuse();
  std::optional<Sha256> fast;
  if (credential_ != nullptr && !empty_password()) {
    fast = credential_->caching_sha2_fast;
    if (credential_->password) fast = sha256(sha256(as_bytes(*credential_->password)));
  }
  if (fast) {
    secret_.sha2_stage1 = verify_caching_sha2(response, nonce_, *fast);
    if (secret_.sha2_stage1) return accept({more_data_byte, fast_auth_success});
  }
  if (!secure_channel_ && rsa_ == nullptr) return refuse();
  stage_ = Stage::full_password;
  return {AuthAction::Kind::send, {more_data_byte, perform_full_authentication}};
}

AuthAction ServerAuth::on_full_password(Bytes payload) {
  const bool wants_key = payload.size() == 1 && payload[0] == request_public_key;
  if (wants_key && rsa_ != nullptr) {
    stage_ = Stage::encrypted;
    AuthAction action{AuthAction::Kind::send, {more_data_byte}};
    const Bytes pem = as_bytes(rsa_->public_key_pem);
    action.payload.insert(action.payload.end(), pem.begin(), pem.end());
    return action;
  }
  // In clear on a secure channel; otherwise from a client that was given the key beforehand.
  return secure_channel_ ? check_full(payload) : on_encrypted(payload);
}

AuthAction ServerAuth::on_encrypted(Bytes payload) {
  if (rsa_ == nullptr) return refuse();
  std::optional<ByteBuffer> plain = rsa_->decrypt(payload);
  if (!plain) return refuse();
  xor_with_nonce(*plain, nonce_);
  AuthAction action = check_full(*plain);
  OPENSSL_cleanse(plain->data(), plain->size());
  return action;
}

AuthAction ServerAuth::check_full(Bytes terminated_password) {
  if (terminated_password.empty() || terminated_password.back() != 0) return refuse();
  const std::string_view password = as_text(terminated_password.first(terminated_password.size() - 1));
  if (password.size() > password_length_max || !password_fits(password)) return refuse();
  secret_.password = std::string(password);
  learned_fast_ = sha256(sha256(as_bytes(password)));
  return accept();
}

bool ServerAuth::password_fits(std::string_view password) const {
  if (credential_ == nullptr || password.empty()) return false;
  if (credential_->password) return equal_secret(as_bytes(password), as_bytes(*credential_->password));
  if (credential_->caching_sha2_hash) return verify_caching_sha2_hash(*credential_->caching_sha2_hash, password);
  return credential_->caching_sha2_fast &&
         equal_secret(sha256(sha256(as_bytes(password))), *credential_->caching_sha2_fast);
}

AuthAction ServerAuth::accept(ByteBuffer last_words) {
  stage_ = Stage::finished;
  if (credential_->password) secret_.password = credential_->password;
  return {AuthAction::Kind::accept, std::move(last_words)};
}

AuthAction ServerAuth::refuse() {
  stage_ = Stage::finished;
  secret_ = Secret{};
  return {AuthAction::Kind::refuse, {}};
}

}  // namespace sluice::protocol
