// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/daemon/control_socket.h"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <stdexcept>

#include "lvsd/control/request.h"

namespace lvsd {
namespace {

namespace asio = boost::asio;
using asio::local::stream_protocol;
using boost::system::error_code;

constexpr std::chrono::milliseconds kAcceptRetry{200};  // after EMFILE and its like

}  // namespace

struct ControlSocket::State : std::enable_shared_from_this<State> {
  State(asio::io_context& context, std::string where, LateAnswer what)
      : path(std::move(where)), answer(std::move(what)), acceptor(context), retry(context) {}

  void open();
  void accept();
  void accepted(stream_protocol::socket socket);

  std::string path;
  LateAnswer answer;
  ControlGroups groups = ControlGroups::look_up();
  stream_protocol::acceptor acceptor;
  asio::steady_timer retry;
  std::size_t clients = 0, admins = 0;  // admins: of these, who may change something
};

// One client. Alive as long as an operation of its is pending; the timer closes the socket, which
// ends that operation.
class ControlSocket::Session : public std::enable_shared_from_this<Session> {
 public:
  Session(stream_protocol::socket socket, std::shared_ptr<State> owner)
      : socket_(std::move(socket)),
        timer_(socket_.get_executor()),
        owner_(std::move(owner)),
        peer_(peer_of(socket_.native_handle(), owner_->groups)) {
    ++owner_->clients;
    if (peer_.may_change) ++owner_->admins;
  }
  ~Session() {
    --owner_->clients;
    if (peer_.may_change) --owner_->admins;
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void read();
  void write(std::string reply, bool last);
  // Those who may change something and those who may not do not take each other's places.
  bool one_too_many() const {
    const std::size_t others = owner_->clients - owner_->admins;
    return (peer_.may_change ? owner_->admins : others) > kMaxClients;
  }

 private:
  void have_read(error_code error, std::size_t size);
  void guard();

  stream_protocol::socket socket_;
  asio::steady_timer timer_;
  std::shared_ptr<State> owner_;
  const Peer peer_;
  std::string input_, output_;
};

void ControlSocket::Session::read() {
  guard();
  asio::async_read_until(socket_, asio::dynamic_buffer(input_, kMaxRequest), '\n',
                         [self = shared_from_this()](error_code error, std::size_t size) {
                           self->timer_.cancel();
                           self->have_read(error, size);
                         });
}

void ControlSocket::Session::have_read(error_code error, std::size_t size) {
  if (error == asio::error::not_found) {
    return write(error_reply("request is longer than 8388608 bytes"), true);
  }
  const bool last = error == asio::error::eof;  // a line may also end with the stream
  if (last ? input_.empty() : static_cast<bool>(error)) return;
  const std::size_t length = last ? input_.size() : size - 1;
  owner_->answer(std::string_view(input_).substr(0, length), peer_,
                 [self = shared_from_this(), last](std::string reply) {
                   self->write(std::move(reply), last);
                 });
  input_.erase(0, size);
}

void ControlSocket::Session::write(std::string reply, bool last) {
  guard();
  output_ = std::move(reply) + "\n";
  asio::async_write(socket_, asio::buffer(output_),
                    [self = shared_from_this(), last](error_code error, std::size_t /*size*/) {
                      self->timer_.cancel();
                      if (!error && !last) self->read();
                    });
}

void ControlSocket::Session::guard() {
  timer_.expires_after(kIdle);
  timer_.async_wait([weak = weak_from_this()](error_code error) {
    const auto self = weak.lock();
    if (error || !self || self->timer_.expiry() > asio::steady_timer::clock_type::now()) return;
    error_code ignored;
    self->socket_.close(ignored);
  });
}

void ControlSocket::State::open() {
  ::unlink(path.c_str());  // a predecessor's: the run directory is ours alone
  const mode_t mask = ::umask(0177);
  error_code error;
  acceptor.open(stream_protocol(), error);
  if (!error) acceptor.bind(stream_protocol::endpoint(path), error);
  ::umask(mask);
  // Given away before anybody can connect, which needs listen().
  if (!error && groups.readers &&
      ::chown(path.c_str(), static_cast<uid_t>(-1), *groups.readers) == 0) {
    ::chmod(path.c_str(), 0660);
  }
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) throw std::runtime_error("cannot listen on " + path + ": " + error.message());
}

void ControlSocket::State::accept() {
  acceptor.async_accept(
      [self = shared_from_this()](error_code error, stream_protocol::socket socket) {
        if (!self->acceptor.is_open()) return;
        if (!error) {
          self->accepted(std::move(socket));
          return self->accept();
        }
        self->retry.expires_after(kAcceptRetry);
        self->retry.async_wait([self](error_code cancelled) {
          if (!cancelled && self->acceptor.is_open()) self->accept();
        });
      });
}

void ControlSocket::State::accepted(stream_protocol::socket socket) {
  if (clients >= 4 * kMaxClients) return;  // not even an answer: closed with `socket`
  auto session = std::make_shared<Session>(std::move(socket), shared_from_this());
  if (session->one_too_many())
    return session->write(error_reply("too many clients at once; try again"), true);
  session->read();
}

ControlSocket::ControlSocket(asio::io_context& io, std::string path, Answer answer)
    : ControlSocket(
          io, std::move(path),
          [answer = std::move(answer)](std::string_view line, const Peer& peer,
                                       const Reply& reply) { reply(answer(line, peer)); }) {}

ControlSocket::ControlSocket(asio::io_context& io, std::string path, LateAnswer answer) {
  // An address longer than sun_path would throw from the endpoint, less readably.
  if (path.size() >= 108) throw std::runtime_error("socket path is too long: " + path);
  state_ = std::make_shared<State>(io, std::move(path), std::move(answer));
  state_->open();
  state_->accept();
}

ControlSocket::~ControlSocket() {
  error_code ignored;
  state_->acceptor.close(ignored);
  state_->retry.cancel();
  ::unlink(state_->path.c_str());
}

}  // namespace lvsd
