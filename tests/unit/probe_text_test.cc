// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/health/probe_text.h"

#include <gtest/gtest.h>

namespace lvsd {
namespace {

using enum Judgement;

// A whole answer is `wanted`, and no prefix of it is taken for good.
void expect_whole(Reading (*read)(std::string_view), const std::string& answer, Judgement wanted) {
  EXPECT_EQ(read(answer).judgement, wanted) << answer;
  for (std::size_t size = 0; size < answer.size(); ++size) {
    const Reading reading = read(std::string_view(answer).substr(0, size));
    EXPECT_NE(reading.judgement, good) << answer << " cut at " << size;
  }
}

TEST(ProbeText, Smtp) {
  expect_whole(read_smtp_greeting, "220 mx.example.net ESMTP\r\n", good);
  expect_whole(read_smtp_greeting, "220-first\r\n220-second\r\n220 last\r\n", good);
  EXPECT_EQ(read_smtp_greeting("554 no service\r\n").judgement, bad);
  EXPECT_EQ(read_smtp_greeting("554 no service\r\n").text, "554 no service");
  EXPECT_EQ(read_smtp_greeting("220-first\r\n421 gone\r\n").judgement, bad);
  EXPECT_EQ(read_smtp_hello("250 hello\n").judgement, good);
}

TEST(ProbeText, Ssh) {
  expect_whole(read_ssh, "Welcome.\r\nSSH-2.0-OpenSSH_9.2\r\n", good);
  EXPECT_EQ(read_ssh("SSH-2.0-OpenSSH_9.2\r\n").text, "SSH-2.0-OpenSSH_9.2");
  EXPECT_EQ(read_ssh("HTTP/1.1 400 Bad Request\r\n\r\n").judgement, more);
}

TEST(ProbeText, Redis) {
  expect_whole(read_redis, "+PONG\r\n", good);
  EXPECT_EQ(read_redis("-NOAUTH Authentication required.\r\n").judgement, good);
  EXPECT_EQ(read_redis("-LOADING Redis is loading\r\n").judgement, bad);
}

TEST(ProbeText, Mysql) {
  const std::string version = "8.0.36";
  std::string greeting("\x0b\0\0\0\x0a", 5);
  greeting += version + std::string("\0\1\2\3", 4);
  EXPECT_EQ(read_mysql(greeting).judgement, good);
  EXPECT_EQ(read_mysql(greeting).text, "MySQL 8.0.36");
  EXPECT_EQ(read_mysql(greeting.substr(0, 11)).judgement, more);
  const std::string refused = std::string("\x0c\0\0\0\xff\x10\x04", 7) + "Too many";
  EXPECT_EQ(read_mysql(refused).judgement, more);
  const std::string whole = std::string("\x0b\0\0\0\xff\x10\x04", 7) + "Too many";
  EXPECT_EQ(read_mysql(whole).judgement, bad);
  EXPECT_EQ(read_mysql(whole).text, "Too many");
  EXPECT_EQ(read_mysql("SSH-2.0-x\r\n").judgement, bad);
}

TEST(ProbeText, AnswersWithoutEndAreGivenUp) {
  const std::string endless(kLongestAnswer, 'x');
  for (const CheckType type : kCheckTypes) {
    for (const Step& step : conversation(type)) {
      if (step.read == nullptr) continue;
      EXPECT_EQ(step.read(endless).judgement, bad) << to_string(type);
    }
  }
  EXPECT_EQ(read_expected(endless, "y").judgement, bad);
  EXPECT_EQ(read_expected("abc", "bc").judgement, good);
}

TEST(ProbeText, Dns) {
  const std::string question = ask_dns("example.net", 0x1234);
  EXPECT_EQ(question, std::string("\x12\x34\1\0\0\1\0\0\0\0\0\0\7example\3net\0\0\1\0\1", 29));
  EXPECT_EQ(ask_dns(".", 1).size(), 17U);
  std::string answer = question;
  EXPECT_EQ(read_dns(answer, 0x1234).judgement, more);  // a question
  answer[2] = static_cast<char>(0x81);
  EXPECT_EQ(read_dns(answer, 0x1234).judgement, good);
  EXPECT_EQ(read_dns(answer, 0x1235).judgement, more);
  answer[3] = 2;
  EXPECT_EQ(read_dns(answer, 0x1234).text, "SERVFAIL");
  for (std::size_t size = 0; size < 12; ++size) {
    EXPECT_EQ(read_dns(std::string_view(answer).substr(0, size), 0x1234).judgement, more);
  }
}

TEST(ProbeText, Ntp) {
  constexpr std::uint64_t kToken = 0x0123456789abcdef;
  const std::string question = ask_ntp(kToken);
  ASSERT_EQ(question.size(), 48U);
  std::string answer(48, '\0');
  answer[0] = 0x24;
  answer[1] = 2;
  answer.replace(24, 8, question.substr(40, 8));
  EXPECT_EQ(read_ntp(answer, kToken).text, "stratum 2");
  EXPECT_EQ(read_ntp(answer, kToken + 1).judgement, more);
  answer[0] = static_cast<char>(0xe4);
  EXPECT_EQ(read_ntp(answer, kToken).text, "is not synchronized");
  answer[1] = 0;
  answer.replace(12, 4, "RATE");
  EXPECT_EQ(read_ntp(answer, kToken).text, "refuses: RATE");
  EXPECT_EQ(read_ntp(answer.substr(0, 47), kToken).judgement, more);
}

TEST(ProbeText, Ping) {
  const std::string question = ask_ping(true, 0x1234, 7, "token");
  // RFC 1071: the sum over all of it is all ones.
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < question.size(); ++i) {
    sum += static_cast<unsigned char>(question[i]) * (i % 2 == 0 ? 256U : 1U);
  }
  EXPECT_EQ((sum & 0xffffU) + (sum >> 16U), 0xffffU);
  std::string reply = question;
  reply[0] = 0;
  std::string packet = "\x45" + std::string(19, '\0') + reply;
  const auto read = read_ping(true, packet);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->id, 0x1234);
  EXPECT_EQ(read->number, 7);
  EXPECT_EQ(read->token, "token");
  EXPECT_FALSE(read_ping(true, "\x45" + std::string(19, '\0') + question));  // a request
  for (std::size_t size = 0; size < 28; ++size) {
    EXPECT_FALSE(read_ping(true, std::string_view(packet).substr(0, size)));
  }
  packet[0] = 0x4f;
  EXPECT_FALSE(read_ping(true, packet));
}

TEST(ProbeText, HttpStatus) {
  Probe probe;
  const BodySearch nothing("");
  EXPECT_EQ(judge_http(204, nothing, probe).judgement, good);
  EXPECT_EQ(judge_http(503, nothing, probe).text, "503");
  EXPECT_EQ(judge_http(301, nothing, probe).judgement, bad);
  probe.status = {{200, 200}, {300, 399}};
  EXPECT_EQ(judge_http(301, nothing, probe).judgement, good);
  EXPECT_EQ(judge_http(204, nothing, probe).judgement, bad);
}

TEST(ProbeText, HttpBodyInWhateverParts) {
  Probe probe;
  probe.body = "ready";
  for (const std::string body : {"is ready.", "ready", "rearearearready", "is read", "eady", ""}) {
    const bool there = body.find(probe.body) != std::string::npos;
    for (std::size_t size = 1; size <= body.size() + 1; ++size) {
      BodySearch search(probe.body);
      for (std::size_t at = 0; at < body.size(); at += size) search.take(body.substr(at, size));
      EXPECT_EQ(search.found(), there) << body << " in parts of " << size;
      EXPECT_EQ(judge_http(200, search, probe).text, there ? "200" : "200 without ready");
    }
  }
}

TEST(ProbeText, PrintableHasNoControlCharacters) {
  EXPECT_EQ(printable("a\x1b[31m\nb\r\n"), "a?[31m?b");
  EXPECT_EQ(printable("abcdef", 3), "abc...");
}

}  // namespace
}  // namespace lvsd
