// SPDX-License-Identifier: GPL-2.0-or-later
// HTTP, and TLS with or without it.
#include <fmt/format.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <ctime>
#include <limits>

#include "session.h"

namespace lvsd {
namespace {

namespace http = boost::beast::http;
namespace ssl = asio::ssl;
using asio::ip::tcp;

constexpr std::uint64_t kMostBody = 1U << 20U;

// One that trusts the system's authorities is the same for all, and expensive to make.
std::shared_ptr<ssl::context> context_of(const TlsCheck& tls) {
  static std::shared_ptr<ssl::context> common;
  const bool plain = tls.verify == Verify::system && tls.certificate.empty();
  if (plain && common) return common;
  auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
  if (tls.verify == Verify::system) context->set_default_verify_paths();
  if (tls.verify == Verify::authority) context->load_verify_file(tls.authority);
  if (!tls.certificate.empty()) {
    context->use_certificate_chain_file(tls.certificate);
    context->use_private_key_file(tls.key, ssl::context::pem);
  }
  if (plain) common = context;
  return context;
}

std::string fingerprint(const X509* certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (X509_digest(certificate, EVP_sha256(), digest.data(), &size) != 1) return {};
  std::string out;
  for (unsigned i = 0; i < size; ++i) out += fmt::format("{:02x}", digest[i]);
  return out;
}

std::int64_t expiry(const X509* certificate) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &parts) != 1) return 0;
  return ::timegm(&parts);
}

// Reads on until the text is found, the body ends, or it is enough. A server that ends TLS without
// saying so has ended it all the same.
template <class Stream>
error_code read_body(Stream& stream, boost::beast::flat_buffer& buffer,
                     http::response_parser<http::buffer_body>& parser, BodySearch& search,
                     asio::yield_context yield) {
  std::array<char, 8192> part{};
  std::uint64_t taken = 0;
  error_code error;
  while (!search.found() && !parser.is_done() && taken < kMostBody && !error) {
    auto& body = parser.get().body();
    body.data = part.data();
    body.size = part.size();
    http::async_read_some(stream, buffer, parser, yield[error]);
    if (error == http::error::need_buffer) error = {};
    const std::size_t size = part.size() - body.size;
    search.take({part.data(), size});
    taken += size;
  }
  if (error == ssl::error::stream_truncated || search.found()) return {};
  return error;
}

template <class Stream>
Outcome ask_http(Stream& stream, const Deadline& deadline, const Order& order,
                 asio::yield_context yield) {
  const Probe& probe = order.health.probe;
  const std::string what = fmt::format("{} {}", probe.method, probe.path);
  http::request<http::empty_body> request{http::verb::get, probe.path, 11};
  request.method_string(probe.method);
  const std::string address = to_string(order.target.address);
  request.set(http::field::host, !probe.host.empty()            ? probe.host
                                 : order.target.address.is_v4() ? address
                                                                : "[" + address + "]");
  request.set(http::field::user_agent, "lvsd");
  request.set(http::field::connection, "close");
  error_code error;
  http::async_write(stream, request, yield[error]);
  if (error) return failure(deadline, probe, "answer", error);
  boost::beast::flat_buffer buffer(kLongestAnswer);
  http::response_parser<http::buffer_body> parser;
  parser.header_limit(kLongestAnswer);
  parser.body_limit(std::numeric_limits<std::uint64_t>::max());  // read_body counts
  parser.skip(probe.method == "HEAD");
  http::async_read_header(stream, buffer, parser, yield[error]);
  BodySearch search(probe.body);
  if (!error && is_wanted(parser.get().result_int(), probe)) {
    error = read_body(stream, buffer, parser, search, yield);
  }
  if (error) {
    Outcome out = failure(deadline, probe, "answer", error);
    out.text = what + ": " + out.text;
    return out;
  }
  const Reading reading = judge_http(parser.get().result_int(), search, probe);
  return {reading.judgement == Judgement::good, what + ": " + reading.text};
}

// After the handshake: what is wrong with the certificate, or nothing.
std::string judge_certificate(const TlsCheck& tls, const X509* certificate) {
  if (certificate == nullptr) return "no certificate";
  if (tls.verify == Verify::pin && fingerprint(certificate) != tls.pin) {
    return "another certificate: " + fingerprint(certificate);
  }
  return {};
}

Outcome secure(tcp::socket& socket, const Deadline& deadline, const Order& order,
               asio::yield_context yield) {
  const Probe& probe = order.health.probe;
  const auto context = context_of(probe.tls);
  ssl::stream<tcp::socket&> stream(socket, *context);
  SSL* const session = stream.native_handle();
  // An address is none of SNI's names (RFC 6066, 3), and stands elsewhere in a certificate.
  const std::string& name = probe.tls.server_name;
  const bool is_address = IpAddress::parse(name).has_value();
  if (!name.empty() && !is_address) SSL_set_tlsext_host_name(session, name.c_str());
  const bool chained = probe.tls.verify == Verify::system || probe.tls.verify == Verify::authority;
  if (chained && is_address) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), name.c_str());
  } else if (chained && !name.empty()) {
    X509_VERIFY_PARAM_set1_host(SSL_get0_param(session), name.c_str(), 0);
  }
  // Verified, but not given up: the handshake goes on, so that even a bad certificate is seen.
  std::string wrong;
  if (chained) {
    stream.set_verify_mode(ssl::verify_peer);
    stream.set_verify_callback([&wrong](bool fine, ssl::verify_context& seen) {
      if (!fine && wrong.empty()) {
        wrong = X509_verify_cert_error_string(X509_STORE_CTX_get_error(seen.native_handle()));
      }
      return true;
    });
  }
  error_code error;
  stream.async_handshake(ssl::stream_base::client, yield[error]);
  if (error) return failure(deadline, probe, "TLS handshake", error);
  X509* const certificate = SSL_get1_peer_certificate(session);
  const std::int64_t expires = certificate != nullptr ? expiry(certificate) : 0;
  if (wrong.empty()) wrong = judge_certificate(probe.tls, certificate);
  X509_free(certificate);
  if (!wrong.empty()) return {false, "certificate: " + wrong, expires};
  if (probe.type == CheckType::tls) {
    return {true, std::string("TLS handshake, ") + SSL_get_version(session), expires};
  }
  Outcome out = ask_http(stream, deadline, order, yield);
  out.expires = expires;
  return out;
}

}  // namespace

Outcome probe_web(tcp::socket& socket, const Deadline& deadline, const Order& order,
                  asio::yield_context yield) {
  if (order.health.probe.type == CheckType::http) return ask_http(socket, deadline, order, yield);
  return secure(socket, deadline, order, yield);
}

}  // namespace lvsd
