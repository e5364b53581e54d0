// SPDX-License-Identifier: GPL-2.0-or-later
#include "decap/tunnel_device.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <system_error>

#include "lvsd/io/file_descriptor.h"

namespace lvsd::decap {
namespace {

// struct virtio_net_hdr, whose kernel header does not compile as C++ beside all others.
struct VnetHeader {
  std::uint8_t flags = 0;
  std::uint8_t gso_type = 0;
  std::uint16_t header_length = 0, segment_size = 0, checksum_start = 0, checksum_offset = 0;
};
static_assert(sizeof(VnetHeader) == 10);
constexpr std::uint8_t kNeedsChecksum = 1;  // VIRTIO_NET_HDR_F_NEEDS_CSUM

[[noreturn]] void fail_with(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

ifreq request_for(const std::string& name) {
  ifreq request{};
  if (name.empty() || name.size() >= sizeof(request.ifr_name)) {
    throw std::runtime_error("device name '" + name + "' is not of 1 to 15 characters");
  }
  name.copy(request.ifr_name, name.size());
  return request;
}

int open_device(const std::string& name) {
  ifreq request = request_for(name);
  const int fd = ::open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  if (fd < 0) fail_with("cannot open /dev/net/tun");
  request.ifr_flags = static_cast<short>(IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | IFF_TUN_EXCL);
  if (::ioctl(fd, TUNSETIFF, &request) < 0) {
    const int error = errno;
    ::close(fd);
    errno = error;
    fail_with("cannot create the TUN device " + name);
  }
  return fd;
}

void set_v4(int control, const std::string& name, unsigned long what, Ipv4Address address) {
  ifreq request = request_for(name);
  sockaddr_in inet{};
  inet.sin_family = AF_INET;
  std::memcpy(&inet.sin_addr, address.bytes().data(), address.bytes().size());
  std::memcpy(&request.ifr_addr, &inet, sizeof(inet));
  if (::ioctl(control, what, &request) < 0) {
    fail_with("cannot put " + to_string(address) + " on " + name);
  }
}

// struct in6_ifreq, whose kernel header does not compile beside netinet/in.h.
struct Ipv6Request {
  in6_addr address;
  std::uint32_t prefix_length;
  int interface;
};

// The device has no neighbours, so nobody is asked whether the address is taken.
void set_v6(const std::string& name, const IpAddress& address) {
  Ipv6Request request{{}, 128, static_cast<int>(::if_nametoindex(name.c_str()))};
  std::memcpy(&request.address, address.bytes().data(), address.bytes().size());
  const FileDescriptor control(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!control.valid() || ::ioctl(control.get(), SIOCSIFADDR, &request) < 0) {
    fail_with("cannot put " + to_string(address) + " on " + name);
  }
}

// Further IPv4 addresses go under alias labels (NAME:1, ...): ioctls do, no netlink is needed.
void set_addresses(int control, const std::string& name, const std::vector<IpAddress>& addresses) {
  const Ipv4Address host_mask(Ipv4Address::Bytes{255, 255, 255, 255});
  std::size_t index = 0;
  for (const IpAddress& address : addresses) {
    if (!address.is_v4()) {
      set_v6(name, address);
      continue;
    }
    const std::string label = index == 0 ? name : name + ":" + std::to_string(index);
    set_v4(control, label, SIOCSIFADDR, address.v4());
    set_v4(control, label, SIOCSIFNETMASK, host_mask);
    ++index;
  }
}

void set_mtu(int control, const std::string& name, unsigned mtu) {
  ifreq request = request_for(name);
  request.ifr_mtu = static_cast<int>(mtu);
  if (::ioctl(control, SIOCSIFMTU, &request) < 0) fail_with("cannot set the MTU of " + name);
}

void bring_up(int control, const std::string& name) {
  ifreq request = request_for(name);
  if (::ioctl(control, SIOCGIFFLAGS, &request) < 0) fail_with("cannot read the flags of " + name);
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP | IFF_NOARP);
  if (::ioctl(control, SIOCSIFFLAGS, &request) < 0) fail_with("cannot bring up " + name);
}

// What is to be said where that fails.
std::string allow_asymmetric_paths(const std::string& name) {
  const std::string base = "/proc/sys/net/ipv4/conf/";
  int for_all = 0, own = 1;
  std::ifstream(base + "all/rp_filter") >> for_all;
  std::ifstream(base + name + "/rp_filter") >> own;
  // The larger counts, and only 1 is strict. In a container /proc/sys is often read-only.
  if (std::max(for_all, own) != 1) return {};
  std::ofstream setting(base + name + "/rp_filter");
  setting << (for_all == 0 ? 0 : 2) << std::flush;
  if (setting) return {};
  return "cannot write net.ipv4.conf." + name +
         ".rp_filter: it is strict, so that all IPv4 packets out of tunnels will be dropped; set "
         "net.ipv4.conf.all.rp_filter to 2 where it can be written";
}

}  // namespace

TunnelDevice::TunnelDevice(std::string name, const std::vector<IpAddress>& addresses, unsigned mtu)
    : name_(std::move(name)), fd_(open_device(name_)) {
  const FileDescriptor control(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  try {
    if (!control.valid()) fail_with("cannot open a control socket");
    warning_ = allow_asymmetric_paths(name_);
    set_mtu(control.get(), name_, mtu);
    bring_up(control.get(), name_);
    set_addresses(control.get(), name_, addresses);
  } catch (...) {
    ::close(fd_);
    throw;
  }
}

TunnelDevice::~TunnelDevice() { ::close(fd_); }

bool TunnelDevice::write(const Inner& inner) {
  VnetHeader header;
  if (inner.unfinished) {
    header.flags = kNeedsChecksum;
    header.checksum_start = inner.unfinished->start;
    header.checksum_offset = inner.unfinished->offset;
  }
  const std::array<iovec, 2> parts{
      iovec{&header, sizeof(header)},
      iovec{const_cast<std::byte*>(inner.packet.data()), inner.packet.size()}};
  return ::writev(fd_, parts.data(), static_cast<int>(parts.size())) >= 0;
}

}  // namespace lvsd::decap
