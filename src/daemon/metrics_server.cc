// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/daemon/metrics_server.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <optional>
#include <stdexcept>

namespace lvsd {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::milliseconds kAcceptRetry{200};
constexpr std::uint32_t kMaxHeader = 8192;
constexpr const char* kContentType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace

struct MetricsServer::State : std::enable_shared_from_this<State> {
  State(asio::io_context& io, Render what) : render(std::move(what)), acceptor(io), retry(io) {}
  void open(const Endpoint& listen);
  void accept();

  Render render;
  tcp::acceptor acceptor;
  asio::steady_timer retry;
  std::size_t clients = 0;
};

class MetricsServer::Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, std::shared_ptr<State> owner)
      : stream_(std::move(socket)), owner_(std::move(owner)) {
    ++owner_->clients;
  }
  ~Session() { --owner_->clients; }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void read();

 private:
  void answer(const http::request<http::string_body>& request);
  void have(std::string page);
  void write();

  beast::tcp_stream stream_;
  std::shared_ptr<State> owner_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> reply_;
  bool only_head_ = false;
};

void MetricsServer::Session::read() {
  parser_.emplace();
  parser_->header_limit(kMaxHeader);
  parser_->body_limit(0);
  stream_.expires_after(kIdle);
  http::async_read(stream_, buffer_, *parser_,
                   [self = shared_from_this()](error_code error, std::size_t /*size*/) {
                     if (!error) self->answer(self->parser_->get());
                   });
}

void MetricsServer::Session::answer(const http::request<http::string_body>& request) {
  reply_ = {};
  reply_.version(request.version());
  reply_.keep_alive(request.keep_alive());
  reply_.set(http::field::content_type, "text/plain");
  const bool reads = request.method() == http::verb::get || request.method() == http::verb::head;
  if (!reads) {
    reply_.result(http::status::method_not_allowed);
  } else if (request.target() != "/metrics") {
    reply_.result(http::status::not_found);
    reply_.body() = "there is only /metrics\n";
  } else {
    only_head_ = request.method() == http::verb::head;
    return owner_->render(
        [self = shared_from_this()](std::string page) { self->have(std::move(page)); });
  }
  reply_.prepare_payload();
  if (request.method() == http::verb::head) reply_.body().clear();
  write();
}

void MetricsServer::Session::have(std::string page) {
  reply_.result(page.empty() ? http::status::service_unavailable : http::status::ok);
  reply_.set(http::field::content_type, kContentType);
  reply_.body() = std::move(page);
  reply_.prepare_payload();
  if (only_head_) reply_.body().clear();
  write();
}

void MetricsServer::Session::write() {
  stream_.expires_after(kIdle);
  http::async_write(stream_, reply_,
                    [self = shared_from_this()](error_code error, std::size_t /*size*/) {
                      if (!error && self->reply_.keep_alive()) self->read();
                    });
}

void MetricsServer::State::open(const Endpoint& listen) {
  error_code error;
  const std::string address = to_string(listen.address);
  const tcp::endpoint where(asio::ip::make_address(address, error), listen.port.host());
  if (!error) acceptor.open(where.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(where, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    throw std::runtime_error("cannot listen on " + to_string(listen) +
                             " for metrics: " + error.message());
  }
}

void MetricsServer::State::accept() {
  acceptor.async_accept([self = shared_from_this()](error_code error, tcp::socket socket) {
    if (!self->acceptor.is_open()) return;
    if (!error) {
      if (self->clients < kMaxClients) std::make_shared<Session>(std::move(socket), self)->read();
      return self->accept();
    }
    self->retry.expires_after(kAcceptRetry);
    self->retry.async_wait([self](error_code cancelled) {
      if (!cancelled && self->acceptor.is_open()) self->accept();
    });
  });
}

MetricsServer::MetricsServer(asio::io_context& io, const Endpoint& listen, Render render)
    : state_(std::make_shared<State>(io, std::move(render))) {
  state_->open(listen);
  state_->accept();
}

MetricsServer::~MetricsServer() {
  error_code ignored;
  state_->acceptor.close(ignored);
  state_->retry.cancel();
}

Port MetricsServer::port() const { return Port(state_->acceptor.local_endpoint().port()); }

}  // namespace lvsd
