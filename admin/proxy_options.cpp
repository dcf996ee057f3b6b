#include "admin/proxy_options.hpp"

#include <memory>
#include <utility>

#include "admin/state_dir.hpp"
#include "proxy/tls/rsa_key.hpp"
#include "proxy/tls/self_signed.hpp"
#include "proxy/tls/tls_context.hpp"

namespace sluice::admin {

Result<proxy::ProxyOptions, std::string> make_proxy_options(const Config& config) {
  proxy::ProxyOptions options;
  options.listen = config.proxy.listen;
  options.workers = config.proxy.workers;
  options.io = config.proxy.io;
  options.limits = config.limits;
  options.server_version_fallback = config.proxy.server_version;
  options.require_tls = config.proxy.tls.required;
  options.backend_tls_mode = config.backend_tls.mode;

  if (const auto failed = make_state_dir(config)) return *failed;
  const auto own = tls::make_self_signed(tls_dir(config));
  if (!own) return own.error();
  const bool configured = !config.proxy.tls.cert.empty();
  auto server = tls::TlsContext::server(
      {configured ? config.proxy.tls.cert : own->certificate, configured ? config.proxy.tls.key : own->key});
  if (!server) return server.error();
  options.client_tls = std::make_shared<const tls::TlsContext>(std::move(*server));
  const auto rsa = tls::RsaKey::load(own->rsa_key);
  if (!rsa) return rsa.error();
  options.rsa = std::make_shared<const protocol::ServerRsa>(rsa->server_rsa());
  options.backend_rsa = tls::encrypt_oaep;

  if (config.backend_tls.mode != proxy::BackendTls::off) {
    auto client = tls::TlsContext::client({config.backend_tls.verify, config.backend_tls.ca});
    if (!client) return client.error();
    options.backend_tls = std::make_shared<const tls::TlsContext>(std::move(*client));
  }
  return options;
}

}  // namespace sluice::admin
