// SPDX-License-Identifier: GPL-2.0-or-later
// A page that takes a while keeps nobody else waiting.
#include "lvsd/daemon/metrics_server.h"

#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <deque>

namespace lvsd {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

class MetricsServerTest : public testing::Test {
 protected:
  tcp::socket ask(const std::string& method) {
    tcp::socket client(clients_);
    client.connect({asio::ip::address_v4::loopback(), server_.port().host()});
    asio::write(client, asio::buffer(method + " /metrics HTTP/1.0\r\n\r\n"));
    return client;
  }
  void run_until(const std::function<bool()>& done) {
    while (!done()) io_.run_one();
  }
  std::string answer_to(tcp::socket& client) {
    std::string all;
    boost::system::error_code end;
    asio::read(client, asio::dynamic_buffer(all), end);
    return all;
  }

  asio::io_context io_, clients_;
  std::deque<MetricsServer::Reply> asked_;
  MetricsServer server_{io_, {IpAddress(127, 0, 0, 1), Port()}, [this](MetricsServer::Reply reply) {
                          asked_.push_back(std::move(reply));
                        }};
};

TEST_F(MetricsServerTest, AnswersWhenThePageIsThere) {
  tcp::socket first = ask("GET");
  run_until([this] { return asked_.size() == 1; });
  tcp::socket second = ask("GET"), head = ask("HEAD");
  run_until([this] { return asked_.size() == 3; });  // which the first does not hold up
  EXPECT_EQ(first.available(), 0U);
  asked_[2]("page 3\n");
  asked_[1]("");
  asked_[0]("page 1\n");
  asked_.clear();
  io_.poll();
  const std::string one = answer_to(first), two = answer_to(second), three = answer_to(head);
  EXPECT_TRUE(one.starts_with("HTTP/1.0 200") && one.ends_with("\r\n\r\npage 1\n")) << one;
  EXPECT_TRUE(two.starts_with("HTTP/1.0 503")) << two;
  EXPECT_TRUE(three.starts_with("HTTP/1.0 200") && three.ends_with("\r\n\r\n")) << three;
  EXPECT_NE(three.find("Content-Length: 7\r\n"), std::string::npos) << three;
}

// The daemon reloads, or stops, while a page is made.
TEST(MetricsServer, MayGoBeforeThePageComes) {
  asio::io_context io, clients;
  MetricsServer::Reply asked;
  tcp::socket client(clients);
  {
    MetricsServer server(io, {IpAddress(127, 0, 0, 1), Port()},
                         [&asked](MetricsServer::Reply reply) { asked = std::move(reply); });
    client.connect({asio::ip::address_v4::loopback(), server.port().host()});
    asio::write(client, asio::buffer(std::string("GET /metrics HTTP/1.0\r\n\r\n")));
    while (!asked) io.run_one();
  }
  asked("page\n");
  asked = nullptr;
  io.restart();
  io.poll();
  std::string all;
  boost::system::error_code end;
  asio::read(client, asio::dynamic_buffer(all), end);
  EXPECT_TRUE(all.ends_with("\r\n\r\npage\n")) << all;
}

}  // namespace
}  // namespace lvsd
