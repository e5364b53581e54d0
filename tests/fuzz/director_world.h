// SPDX-License-Identifier: GPL-2.0-or-later
// A director under fuzzing, and the judge of what it does. Any broken promise aborts:
// - exactly one verdict, counted exactly once; an accepted packet is untouched unless it says so;
// - what is emitted has a right IP length and header checksum, and right transport checksums where
//   those that came in were right;
// - in an undisturbed network, a whole packet leaves as its method says, byte for byte, and NAT's
//   reply comes back as from the virtual address;
// - connection counts add up, deadlines move on, and in the end everything expires.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "lvsd/director/director.h"
#include "support/director_fixture.h"

namespace lvsd::test {

// The fuzzer's bytes as a stream; zeros once it is used up.
class ByteSource {
 public:
  explicit ByteSource(View bytes) : bytes_(bytes) {}
  bool empty() const { return bytes_.empty(); }
  std::uint8_t next8();
  std::uint16_t next16();
  View next(std::size_t size);  // fewer where fewer are left
  template <class T, std::size_t N>
  const T& one_of(const T (&choices)[N]) {
    return choices[next8() % N];
  }

 private:
  View bytes_;
};

class DirectorWorld {
 public:
  DirectorWorld();

  void reload(ByteSource& in);
  void change_network(ByteSource& in);
  void pass(Duration time);
  void feed(View packet, std::uint32_t mark = 0);

  // A whole packet of `protocol` from a client, judged by the bytes that leave for it; with NAT its
  // reply is judged too.
  void feed_request(const IpFields& ip, std::uint8_t protocol, const TcpFields& tcp, View payload);

  const std::vector<Bytes>& sent() const { return sent_; }  // by the last feed()
  void finish();
  std::uint64_t packets() const { return packets_; }  // fed so far

 private:
  Verdict handle(View packet, std::uint32_t mark = 0);
  void judge_counters(const Counters& before, const Verdict& verdict, View packet) const;
  void judge_emissions(View packet, const Verdict& verdict);
  void judge_request(const IpFields& ip, std::uint8_t protocol, const TcpFields& tcp, View payload,
                     const Forwarded& verdict);
  void judge_reply(const IpFields& ip, std::uint8_t protocol, const TcpFields& tcp, View payload,
                   const Destination& destination);
  void judge_counts() const;
  void run_until(TimePoint end);

  Config config_;
  std::uint64_t packets_ = 0;
  bool bypasses_ = false;   // connections without a destination may be there
  bool disturbed_ = false;  // the network is not the one of director_fixture.h
  TimePoint now_ = TimePoint(std::chrono::hours(1));
  Director director_;
  Emissions emissions_;
  std::vector<Bytes> sent_;
};

Config some_config(ByteSource& in);  // random_config.cc

[[noreturn]] void broken(std::string_view promise, View packet = {});

}  // namespace lvsd::test
