// SPDX-License-Identifier: GPL-2.0-or-later
// Notices who else claims a virtual address, and decides what is done about it.
//
// An ARP packet whose sender has the address of ours, or a neighbour advertisement for it, that
// carries a foreign MAC: a real server without arp_announce, a second director, a host by mistake.
// Each thief is told of once; all are counted; and the address is announced again, as often as
// `interval` allows for each address and interface, so that two who both defend do not flood the
// network (RFC 5227 section 2.4 asks for such a bound), and a claim on one network, where it may do
// no harm, does not keep an answer from another.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "lvsd/io/file_descriptor.h"
#include "lvsd/model/network.h"
#include "lvsd/model/time.h"
#include "lvsd/net/result.h"

namespace lvsd {

struct AddressClaim {
  IpAddress address;
  Mac mac;
  friend auto operator<=>(const AddressClaim&, const AddressClaim&) = default;
};
// From an Ethernet frame; nothing where it claims no address. A probe (RFC 5227 section 1.1) only
// asks for one.
std::optional<AddressClaim> parse_claim(std::span<const std::byte> frame);

class VipGuard {
 public:
  using Time = std::chrono::steady_clock::time_point;
  struct Decision {
    bool report = false;  // seen for the first time
    bool answer = false;  // announce the address
  };
  // What to do about it; nothing where it is no conflict. `interval` zero: never answer.
  std::optional<Decision> notice(InterfaceIndex heard_on, const AddressClaim& claim,
                                 const std::vector<IpAddress>& vips, const Network& network,
                                 Duration interval, Time now);
  std::uint64_t conflicts() const { return conflicts_; }
  // How often each thief was heard, of the first kThieves.
  const std::map<AddressClaim, std::uint64_t>& thieves() const { return thieves_; }
  static constexpr std::size_t kThieves = 256;

 private:
  std::map<AddressClaim, std::uint64_t> thieves_;
  std::map<std::pair<IpAddress, InterfaceIndex>, Time> answered_;
  std::uint64_t conflicts_ = 0;
};

// Hears claims on all interfaces, by a packet socket for each protocol that may claim one of the
// addresses listened for; the kernel filters all else of that protocol away. A socket for every
// protocol at once would see, and have copied, each packet that the host receives or sends.
class ClaimSocket {
 public:
  ClaimSocket();                            // throws std::system_error
  int fd() const { return events_.get(); }  // readable when a claim waits
  Status listen(const std::vector<IpAddress>& addresses);
  void read(const std::function<void(InterfaceIndex, const AddressClaim&)>& on_claim);

 private:
  Status hear(FileDescriptor& socket, bool wanted, std::uint16_t protocol);

  FileDescriptor events_, arp_, neighbors_;
};

}  // namespace lvsd
