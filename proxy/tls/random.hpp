// Random numbers for authentication.
//
// Flow: `greeting.nonce = random_nonce();`
#pragma once

#include "protocol/handshake.hpp"

namespace sluice::tls {

// A fresh nonce from the system's generator: bytes of 1 to 127 without '$', each equally likely. Safe on any thread.
// Ends the process if the generator fails: with a nonce that can be guessed, a recorded logon could be played again.
[[nodiscard]] protocol::Nonce random_nonce();

}  // namespace sluice::tls
