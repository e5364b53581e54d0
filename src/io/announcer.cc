// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/announcer.h"

#include <linux/if_addr.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <system_error>
#include <utility>

#include "lvsd/io/announce_frames.h"
#include "lvsd/io/announcer_record.h"
#include "lvsd/io/netlink_socket.h"
#include "lvsd/io/text_file.h"

namespace lvsd {
namespace {

constexpr int kRepeats = 2;  // beside the first announcement

std::string describe(int error) { return std::generic_category().message(error); }

// Several things can go wrong for several addresses; one sentence each.
class Problems {
 public:
  void add(const std::string& sentence) { text_ += (text_.empty() ? "" : "; ") + sentence; }
  Status status() const { return text_.empty() ? Status(Done{}) : Status(fail(text_)); }

 private:
  std::string text_;
};

// An address that is in the kernel.
struct Present {
  InterfaceIndex interface = kNoInterface;
  bool whole = false;  // a /32 or /128, as ours are
};
struct KernelView {
  std::map<std::string, InterfaceIndex> interfaces;
  std::map<OwnAddress, Present> addresses;
  bool has_foreign(const IpAddress& address, const std::set<OwnAddress>& own) const;
};

// Whether somebody else put this address on some interface.
bool KernelView::has_foreign(const IpAddress& address, const std::set<OwnAddress>& own) const {
  return std::any_of(addresses.begin(), addresses.end(), [&](const auto& entry) {
    const bool ours = entry.second.whole && own.contains(entry.first);
    return entry.first.address == address && !ours;
  });
}

int read_kernel(NetlinkSocket& socket, KernelView& view) {
  std::vector<NetlinkValue> dump;
  std::map<InterfaceIndex, std::string> names;
  if (const int error = socket.dump(KernelTable::links, dump); error != 0) return error;
  for (const NetlinkValue& value : dump) {
    const auto* link = std::get_if<LinkMessage>(&value);
    if (link == nullptr) continue;
    names[link->link.index] = link->link.name;
    view.interfaces[link->link.name] = link->link.index;
  }
  if (const int error = socket.dump(KernelTable::addresses, dump); error != 0) return error;
  for (const NetlinkValue& value : dump) {
    const auto* message = std::get_if<AddressMessage>(&value);
    if (message == nullptr) continue;
    const auto name = names.find(message->interface);
    if (name == names.end()) continue;
    const IpAddress& address = message->address.address;
    const bool whole = message->address.length == address.width();
    Present& present = view.addresses[{address, name->second}];
    present = {message->interface, present.whole || whole};
  }
  return 0;
}

NetlinkRequest address_request(std::uint16_t type, int flags, const IpAddress& address,
                               InterfaceIndex interface) {
  ifaddrmsg header{};
  header.ifa_family = address.is_v4() ? AF_INET : AF_INET6;
  header.ifa_prefixlen = static_cast<std::uint8_t>(address.width());
  header.ifa_scope = RT_SCOPE_UNIVERSE;
  header.ifa_index = static_cast<std::uint32_t>(interface);
  NetlinkRequest request(type, NLM_F_REQUEST | flags, header);
  request.put(IFA_LOCAL, address);
  request.put(IFA_ADDRESS, address);
  return request;
}

int add_address(NetlinkSocket& socket, const IpAddress& address, InterfaceIndex interface) {
  NetlinkRequest request =
      address_request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, address, interface);
  if (!address.is_v4()) {
    // Deprecated from the start: never the source of what this host sends on its own account.
    const ifa_cacheinfo lifetime{.ifa_prefered = 0, .ifa_valid = ~0U, .cstamp = 0, .tstamp = 0};
    request.put(IFA_CACHEINFO, &lifetime, sizeof(lifetime));
    request.put(IFA_FLAGS, std::uint32_t{IFA_F_NODAD});
  }
  return socket.transact(request);
}

int remove_address(NetlinkSocket& socket, const IpAddress& address, InterfaceIndex interface) {
  NetlinkRequest request = address_request(RTM_DELADDR, 0, address, interface);
  const int error = socket.transact(request);
  return error == EADDRNOTAVAIL || error == ENODEV ? 0 : error;  // gone is what was wanted
}

int send_announcement(const Interface& interface, const IpAddress& address) {
  // Protocol 0: a socket that sends and receives nothing.
  const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  const std::vector<std::byte> frame = announcement_frame(*interface.mac, address);
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = static_cast<int>(interface.index);
  const ssize_t sent = sendto(fd, frame.data(), frame.size(), MSG_DONTWAIT,
                              reinterpret_cast<const sockaddr*>(&to), sizeof(to));
  const int error = sent < 0 ? errno : 0;
  close(fd);
  return error;
}

}  // namespace

struct Announcer::State {
  // What the last sync without a problem was given; the same again has nothing to do.
  struct Inputs {
    std::vector<IpAddress> vips;
    Announce announce;
    std::vector<Interface> interfaces;
    friend bool operator==(const Inputs&, const Inputs&) = default;
  };
  struct Announced {
    Interface interface;
    int repeats = kRepeats;
  };

  std::filesystem::path directory;
  NetlinkSocket socket;
  std::set<OwnAddress> own;
  std::optional<Inputs> settled;
  std::map<OwnAddress, Announced> announced;
  std::vector<IpAddress> restored;

  void load();
  Status save() const;
  std::set<OwnAddress> choose(const Inputs& inputs, const Network& network, const KernelView& view,
                              Problems& problems) const;
  void keep(const IpAddress& address, std::set<OwnAddress>& wanted) const;
  void add_missing(std::set<OwnAddress>& wanted, const KernelView& view, Problems& problems);
  void remove_unwanted(const std::set<OwnAddress>& wanted, const KernelView& view,
                       Problems& problems);
  void announce_new(const Network& network, Problems& problems);
};

void Announcer::State::load() {
  const auto text = read_text_file(directory / "addresses");
  for (OwnAddress& entry : parse_record(text.value_or(""))) own.insert(std::move(entry));
}

// Replaces the record whole: a reader, or the next start, sees the old one or the new one.
Status Announcer::State::save() const {
  const std::filesystem::path path = directory / "addresses", fresh = directory / "addresses.new";
  std::error_code error;
  if (own.empty()) {
    std::filesystem::remove(path, error);
    if (!error) return Done{};
    return fail("cannot remove " + path.string() + ": " + error.message());
  }
  std::filesystem::create_directories(directory, error);
  std::ofstream file(fresh, std::ios::trunc);
  file << format_record({own.begin(), own.end()});
  file.close();
  if (!file) return fail("cannot write " + fresh.string() + ": " + describe(errno));
  std::filesystem::rename(fresh, path, error);
  if (!error) return Done{};
  return fail("cannot rename " + fresh.string() + ": " + error.message());
}

// Where each VIP is to be ours. A VIP that somebody else put on an interface stays theirs alone,
// and one that finds no interface stays where it is.
std::set<OwnAddress> Announcer::State::choose(const Inputs& inputs, const Network& network,
                                              const KernelView& view, Problems& problems) const {
  std::set<OwnAddress> wanted;
  if (!inputs.announce.enabled) return wanted;
  for (const IpAddress& vip : inputs.vips) {
    const bool held = std::any_of(own.begin(), own.end(),
                                  [&](const OwnAddress& entry) { return entry.address == vip; });
    if (!held && view.has_foreign(vip, own)) continue;
    const Result<const Interface*, Error> chosen = choose_interface(vip, inputs.announce, network);
    if (chosen) {
      wanted.insert({vip, (*chosen)->name});
      continue;
    }
    problems.add(chosen.error().message);
    keep(vip, wanted);
  }
  return wanted;
}

// An address that cannot be where it should stays where it is.
void Announcer::State::keep(const IpAddress& address, std::set<OwnAddress>& wanted) const {
  for (const OwnAddress& entry : own) {
    if (entry.address == address) wanted.insert(entry);
  }
}

// Entries that cannot be added leave `wanted` again.
void Announcer::State::add_missing(std::set<OwnAddress>& wanted, const KernelView& view,
                                   Problems& problems) {
  std::vector<OwnAddress> missing;
  for (const OwnAddress& entry : wanted) {
    const auto present = view.addresses.find(entry);
    const bool there = present != view.addresses.end() && present->second.whole;
    if (!there || !own.contains(entry)) missing.push_back(entry);
  }
  if (missing.empty()) return;
  const std::set<OwnAddress> before = own;
  own.insert(missing.begin(), missing.end());
  if (const Status saved = save(); !saved) {
    own = before;
    for (const OwnAddress& entry : missing) keep(entry.address, wanted);
    problems.add(saved.error().message + ", so that no virtual address is added");
    return;
  }
  for (const OwnAddress& entry : missing) {
    announced.erase(entry);
    const auto interface = view.interfaces.find(entry.interface);
    const int error = interface == view.interfaces.end()
                          ? ENODEV
                          : add_address(socket, entry.address, interface->second);
    if (error == 0 && before.contains(entry)) restored.push_back(entry.address);
    if (error == 0) continue;
    own.erase(entry);
    if (error == EEXIST) continue;  // somebody else's, since a moment ago
    wanted.erase(entry);
    keep(entry.address, wanted);
    problems.add("cannot put " + to_string(entry.address) + " on " + entry.interface + ": " +
                 describe(error));
  }
}

void Announcer::State::remove_unwanted(const std::set<OwnAddress>& wanted, const KernelView& view,
                                       Problems& problems) {
  for (auto entry = own.begin(); entry != own.end();) {
    if (wanted.contains(*entry)) {
      ++entry;
      continue;
    }
    const auto present = view.addresses.find(*entry);
    const bool there = present != view.addresses.end() && present->second.whole;
    const int error = there ? remove_address(socket, entry->address, present->second.interface) : 0;
    if (error != 0) {
      problems.add("cannot remove " + to_string(entry->address) + " from " + entry->interface +
                   ": " + describe(error));
      ++entry;
      continue;
    }
    announced.erase(*entry);
    entry = own.erase(entry);
  }
}

// Also when an interface comes up, or gets another MAC.
void Announcer::State::announce_new(const Network& network, Problems& problems) {
  for (const OwnAddress& entry : own) {
    const Interface* interface = network.interface(entry.interface);
    if (interface == nullptr || !interface->up || !interface->mac) {
      announced.erase(entry);
      continue;
    }
    const auto before = announced.find(entry);
    if (before != announced.end() && before->second.interface.mac == interface->mac) continue;
    if (const int error = send_announcement(*interface, entry.address); error != 0) {
      problems.add("cannot announce " + to_string(entry.address) + " on " + entry.interface + ": " +
                   describe(error));
      continue;
    }
    announced.insert_or_assign(entry, Announced{*interface, kRepeats});
  }
}

Announcer::Announcer(std::string run_dir) : state_(std::make_unique<State>()) {
  state_->directory = std::move(run_dir);
  state_->load();
}

Announcer::~Announcer() = default;

Status Announcer::sync(const std::vector<IpAddress>& vips, const Announce& announce,
                       const Network& network) {
  State::Inputs inputs{vips, announce, network.interfaces()};
  if (state_->settled == inputs) return Done{};
  state_->settled.reset();
  KernelView view;
  if (const int error = read_kernel(state_->socket, view); error != 0) {
    return fail("cannot read this host's addresses: " + describe(error));
  }
  Problems problems;
  std::set<OwnAddress> wanted = state_->choose(inputs, network, view, problems);
  const std::set<OwnAddress> before = state_->own;
  state_->add_missing(wanted, view, problems);  // first: a VIP that moves is never gone
  state_->remove_unwanted(wanted, view, problems);
  if (state_->own != before) {
    if (const Status saved = state_->save(); !saved) problems.add(saved.error().message);
  }
  const bool as_found = std::all_of(wanted.begin(), wanted.end(), [&](const auto& entry) {
    return view.addresses.contains(entry);
  });
  state_->announce_new(network, problems);
  Status status = problems.status();
  // After an addition the next call looks once more: somebody may undo it before Network shows it.
  if (status && as_found && state_->own == before) state_->settled = std::move(inputs);
  return status;
}

std::vector<IpAddress> Announcer::take_restored() { return std::exchange(state_->restored, {}); }

Status Announcer::withdraw() {
  state_->settled.reset();
  KernelView view;
  if (const int error = read_kernel(state_->socket, view); error != 0) {
    return fail("cannot read this host's addresses: " + describe(error));
  }
  Problems problems;
  state_->remove_unwanted({}, view, problems);
  if (const Status saved = state_->save(); !saved) problems.add(saved.error().message);
  return problems.status();
}

void Announcer::defend(const IpAddress& address, const Interface& interface) {
  if (interface.mac && interface.up) send_announcement(interface, address);
}

void Announcer::repeat() {
  for (auto& [entry, announced] : state_->announced) {
    if (announced.repeats == 0) continue;
    --announced.repeats;
    // Lost like a frame on the wire, if so: the first one was sent, and reported where it was not.
    send_announcement(announced.interface, entry.address);
  }
}

}  // namespace lvsd
