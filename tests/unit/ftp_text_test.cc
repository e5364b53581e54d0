// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/forward/ftp_text.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "support/random_seed.h"

namespace lvsd {
namespace {

std::string command(std::string_view text, bool v4 = true) {
  const auto read = read_ftp_command(text, v4);
  if (!read) return "none";
  if (read->mode == FtpMode::passive) return "passive";
  if (read->mode == FtpMode::extended_passive) return "extended";
  return to_string(read->client);
}

std::string answer(std::string_view text, FtpMode mode, bool v4 = true) {
  const auto read = read_ftp_answer(text, mode, v4);
  if (!read) return "none";
  return (read->address ? to_string(*read->address) : "-") + " " + to_string(read->port) + " [" +
         std::string(text.substr(read->begin, read->end - read->begin)) + "]";
}
std::string answer227(std::string_view text) { return answer(text, FtpMode::passive); }
std::string answer229(std::string_view text) { return answer(text, FtpMode::extended_passive); }

TEST(FtpCommands, OfBothKindsAndAnyCase) {
  EXPECT_EQ(command("PASV\r\n"), "passive");
  EXPECT_EQ(command("pAsV\r\n"), "passive");
  EXPECT_EQ(command("EPSV\r\n"), "extended");
  EXPECT_EQ(command("epsv 1\r\n"), "extended");
  EXPECT_EQ(command("PORT 10,1,0,1,156,74\r\n"), "10.1.0.1:40010");
  EXPECT_EQ(command("port 10,1,0,1,156,74\r\n"), "10.1.0.1:40010");
  EXPECT_EQ(command("EPRT |1|10.1.0.1|40010|\r\n"), "10.1.0.1:40010");
  EXPECT_EQ(command("EPRT !1!10.1.0.1!40010!\r\n"), "10.1.0.1:40010");
}

TEST(FtpCommands, TheFamilyMustBeTheConnections) {
  EXPECT_EQ(command("EPSV 2\r\n"), "none");
  EXPECT_EQ(command("EPSV 2\r\n", false), "extended");
  EXPECT_EQ(command("EPSV 1\r\n", false), "none");
  EXPECT_EQ(command("PASV\r\n", false), "none");
  EXPECT_EQ(command("PORT 10,1,0,1,156,74\r\n", false), "none");
  EXPECT_EQ(command("EPRT |2|fd00:1::7|40010|\r\n", false), "[fd00:1::7]:40010");
  EXPECT_EQ(command("EPRT |2|fd00:1::7|40010|\r\n"), "none");
  EXPECT_EQ(command("EPRT |1|fd00:1::7|40010|\r\n"), "none");
  EXPECT_EQ(command("EPRT |2|10.1.0.1|40010|\r\n", false), "none");
}

TEST(FtpCommands, EveryLineOfASegmentAndTheLastCounts) {
  EXPECT_EQ(command("TYPE I\r\nPASV\r\n"), "passive");
  EXPECT_EQ(command("PASV\r\nEPSV\r\n"), "extended");
  EXPECT_EQ(command("EPSV\r\nPORT 10,1,0,1,156,74\r\nLIST\r\n"), "10.1.0.1:40010");
  EXPECT_EQ(command("RETR PASV\r\n"), "none");
}

TEST(FtpCommands, WhatIsNotOne) {
  for (const char* text : {"",
                           "\r\n",
                           "PASV",
                           "PASV\n",
                           "PASV \r\n",
                           "PASVX\r\n",
                           " PASV\r\n",
                           "EPSV ALL\r\n",
                           "EPSV  1\r\n",
                           "EPSV 11\r\n",
                           "PORT\r\n",
                           "PORT \r\n",
                           "PORT 1,2,3,4,5\r\n",
                           "PORT 1,2,3,4,5,6,7\r\n",
                           "PORT 256,2,3,4,5,6\r\n",
                           "PORT 1,2,3,4,5,256\r\n",
                           "PORT 1,2,3,4,0,0\r\n",
                           "PORT 99999999999999999999,2,3,4,5,6\r\n",
                           "PORT -1,2,3,4,5,6\r\n",
                           "PORT 1,2,3,4,5,6",
                           "PORT 1,2,3,4,5,\r\n",
                           "PORT 1, 2,3,4,5,6\r\n",
                           "EPRT\r\n",
                           "EPRT |1|10.1.0.1|0|\r\n",
                           "EPRT |1|10.1.0.1|65536|\r\n",
                           "EPRT |1|10.1.0.1|40010\r\n",
                           "EPRT |1|10.1.0.1||\r\n",
                           "EPRT ||||\r\n",
                           "EPRT |||40010|\r\n",
                           "EPRT |3|10.1.0.1|40010|\r\n",
                           "EPRT 1110.1.0.1140010 1\r\n",
                           "EPRT |1|10.1.0.1|40010|x\r\n",
                           "EPRT |1|ftp|40010|\r\n"}) {
    EXPECT_EQ(command(text), "none") << text;
  }
}

TEST(FtpAnswers, AsServersWriteThem) {
  EXPECT_EQ(answer227("227 Entering Passive Mode (10,0,2,13,117,48).\r\n"),
            "10.0.2.13 30000 [10,0,2,13,117,48]");
  EXPECT_EQ(answer227("227 Entering Passive Mode 10,0,2,13,117,48\r\n"),
            "10.0.2.13 30000 [10,0,2,13,117,48]");
  EXPECT_EQ(answer227("220-hello\r\n227 =10,0,2,13,117,48\r\n"),
            "10.0.2.13 30000 [10,0,2,13,117,48]");
  EXPECT_EQ(answer229("229 Entering Extended Passive Mode (|||30000|)\r\n"), "- 30000 [|||30000|]");
  EXPECT_EQ(answer229("229 ok (!!!30000!)\r\n"), "- 30000 [!!!30000!]");
  EXPECT_EQ(answer229("229 ok (|1|10.0.2.13|30000|)\r\n"), "10.0.2.13 30000 [|1|10.0.2.13|30000|]");
  EXPECT_EQ(answer("229 ok (|2|fd00::1|30000|)\r\n", FtpMode::extended_passive, false),
            "fd00::1 30000 [|2|fd00::1|30000|]");
}

TEST(FtpAnswers, WhatIsNotOne) {
  for (const char* text :
       {"", "227 \r\n", "227-Mode (10,0,2,13,117,48)\r\n", "227 (10,0,2,13,117,48",
        "227 (10,0,2\r\n", "227 (10,0,2,13,117,300)\r\n", "227 (10,0,2,13,0,0)\r\n",
        "227 (10.0.2.13.117.48)\r\n", "227 version 2 (10,0,2,13,117,48)\r\n",
        "228 (10,0,2,13,117,48)\r\n", " 227 (10,0,2,13,117,48)\r\n",
        "227 ((10,0,2,13,117,48))\r\n"}) {
    EXPECT_EQ(answer227(text), "none") << text;
  }
  for (const char* text :
       {"229 \r\n", "229 (|||30000)\r\n", "229 (|||0|)\r\n", "229 (|||65536|)\r\n",
        "229 |||30000|\r\n", "229 (\r\n", "229 (|2|fd00::1|30000|)\r\n", "229 (|1|10.0.2.13|)\r\n",
        "227 (|||30000|)\r\n", "229 (|1||30000|)\r\n"}) {
    EXPECT_EQ(answer229(text), "none") << text;
  }
  EXPECT_EQ(answer("227 (10,0,2,13,117,48)\r\n", FtpMode::active), "none");
  EXPECT_EQ(answer("227 (10,0,2,13,117,48)\r\n", FtpMode::passive, false), "none");
}

// A segment that ends anywhere inside the answer, or the command, must not give another port.
TEST(FtpText, NoPrefixIsReadAsSomethingElse) {
  const std::string reply = "227 Entering Passive Mode (10,0,2,13,117,48).\r\n";
  const std::string port = "PORT 10,1,0,1,156,74\r\n", eprt = "EPRT |1|10.1.0.1|40010|\r\n";
  const std::string extended = "229 ok (|||30000|)\r\n";
  for (std::size_t i = 0; i < reply.size(); ++i) EXPECT_EQ(answer227(reply.substr(0, i)), "none");
  for (std::size_t i = 0; i < extended.size(); ++i) {
    EXPECT_EQ(answer229(extended.substr(0, i)), "none");
  }
  for (std::size_t i = 0; i < port.size(); ++i) EXPECT_EQ(command(port.substr(0, i)), "none");
  for (std::size_t i = 0; i < eprt.size(); ++i) EXPECT_EQ(command(eprt.substr(0, i)), "none");
}

TEST(FtpText, WhatIsWrittenIsReadBack) {
  const Endpoint endpoint{IpAddress(10, 0, 3, 100), Port(30000)};
  EXPECT_EQ(ftp_answer_text(FtpMode::passive, endpoint), "10,0,3,100,117,48");
  EXPECT_EQ(ftp_answer_text(FtpMode::extended_passive, endpoint), "|||30000|");
  EXPECT_EQ(answer227("227 (" + ftp_answer_text(FtpMode::passive, endpoint) + ")\r\n"),
            "10.0.3.100 30000 [10,0,3,100,117,48]");
}

// Whatever the bytes, an answer lies within them and names a port.
TEST(FtpText, MangledTextNeverLeavesItsBounds) {
  const std::vector<std::string> seeds{"227 Entering (10,0,2,13,117,48).\r\n",
                                       "229 (|||30000|)\r\n", "PORT 10,1,0,1,156,74\r\n",
                                       "EPRT |1|10.1.0.1|40010|\r\n"};
  std::mt19937_64 random(test::random_seed());
  for (int round = 0; round < 20000; ++round) {
    std::string text = seeds[random() % seeds.size()] + seeds[random() % seeds.size()];
    for (std::uint64_t change = random() % 4; change > 0; --change) {
      text[random() % text.size()] = static_cast<char>(random() % 128);
    }
    text.resize(random() % (text.size() + 1));
    for (const FtpMode mode : {FtpMode::passive, FtpMode::extended_passive}) {
      const auto read = read_ftp_answer(text, mode, true);
      if (!read) continue;
      ASSERT_TRUE(read->begin < read->end && read->end <= text.size());
      ASSERT_NE(read->port, Port());
    }
    const auto read = read_ftp_command(text, true);
    if (read && read->mode == FtpMode::active) {
      ASSERT_NE(read->client.port, Port());
    }
  }
}

}  // namespace
}  // namespace lvsd
