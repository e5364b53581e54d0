// SPDX-License-Identifier: GPL-2.0-or-later
// lvsd-decap: the tunnel's end on a real server whose kernel has no tunl0. Takes IPIP packets of
// trusted directors from a raw socket and hands the inner packets to a TUN device that carries the
// virtual addresses. SIGUSR1 prints the counters, SIGINT and SIGTERM print them and end it.
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/program_options.hpp>
#include <cerrno>
#include <iostream>
#include <stdexcept>
#include <system_error>

#include "decap/tunnel_device.h"

namespace lvsd::decap {
namespace {

namespace po = boost::program_options;

constexpr std::size_t kLargestPacket = 65536;  // an IPv4 packet is shorter by one byte
constexpr int kBurst = 64;                     // packets between two looks at the signals
constexpr int kReceiveBuffer = 4 << 20;        // bytes; about 3000 full-sized packets

struct Options {
  std::string device;
  std::vector<Ipv4Address> addresses;
  std::vector<Prefix> trusted;
};

struct Counters {
  std::uint64_t delivered = 0, not_delivered = 0;
  std::array<std::uint64_t, kRefusals> refused{};
};

class FileDescriptor {
 public:
  FileDescriptor(int fd, const char* what) : fd_(fd) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), what);
  }
  ~FileDescriptor() { ::close(fd_); }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

po::options_description describe() {
  po::options_description known("lvsd-decap --vip ADDRESS... --from DIRECTOR...");
  auto add = known.add_options();
  add("device", po::value<std::string>()->default_value("lvsd-tun"), "name of the TUN device");
  add("vip", po::value<std::vector<std::string>>()->composing(),
      "a virtual address to put on the device, as /32; may be repeated");
  add("from", po::value<std::vector<std::string>>()->composing(),
      "a director's address, or a prefix; packets of all others are refused; may be repeated");
  add("help", "this text");
  return known;
}

std::vector<std::string> words(const po::variables_map& given, const char* name) {
  if (given.count(name) == 0) {
    throw std::runtime_error(std::string("--") + name + " is missing; see --help");
  }
  return given[name].as<std::vector<std::string>>();
}

Options read_options(const po::variables_map& given) {
  Options options{.device = given["device"].as<std::string>(), .addresses = {}, .trusted = {}};
  for (const auto& text : words(given, "vip")) {
    const auto address = IpAddress::parse(text);
    if (!address || !address->is_v4()) {
      throw std::runtime_error("--vip " + text + ": not an IPv4 address");
    }
    options.addresses.push_back(address->v4());
  }
  for (const auto& text : words(given, "from")) {
    const auto prefix = Prefix::parse(text);
    if (!prefix || !prefix->address.is_v4()) {
      throw std::runtime_error("--from " + text + ": not an IPv4 address or prefix");
    }
    options.trusted.push_back(*prefix);
  }
  return options;
}

void print(const Counters& counters) {
  std::cout << "delivered " << counters.delivered << ", not-delivered " << counters.not_delivered;
  for (std::size_t i = 0; i < kRefusals; ++i) {
    std::cout << ", " << to_string(static_cast<Refusal>(i)) << ' ' << counters.refused[i];
  }
  std::cout << std::endl;
}

void take_packets(int socket, std::span<const Prefix> trusted, TunnelDevice& device,
                  Counters& counters) {
  static std::array<std::byte, kLargestPacket> buffer;
  for (int i = 0; i < kBurst; ++i) {
    const ssize_t length = ::recv(socket, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (length < 0) {
      if (errno == EAGAIN || errno == EINTR) return;
      throw std::system_error(errno, std::generic_category(), "cannot receive");
    }
    const auto inner =
        decapsulate(std::span(buffer).first(static_cast<std::size_t>(length)), trusted);
    if (!inner) {
      ++counters.refused[static_cast<std::size_t>(inner.error())];
    } else if (device.write(*inner)) {
      ++counters.delivered;
    } else {
      ++counters.not_delivered;
    }
  }
}

// Until a signal ends it.
void serve(const Options& options) {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) sigaddset(&signals, signal);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  const FileDescriptor signal_fd(::signalfd(-1, &signals, SFD_CLOEXEC), "cannot watch signals");
  const FileDescriptor socket(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_IPIP),
                              "cannot open a raw socket");
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof(kReceiveBuffer));
  TunnelDevice device(options.device, options.addresses);
  std::cout << "ready: " << device.name() << std::endl;

  Counters counters;
  std::array<pollfd, 2> waiting{pollfd{signal_fd.get(), POLLIN, 0},
                                pollfd{socket.get(), POLLIN, 0}};
  for (;;) {
    if (::poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) {
      throw std::system_error(errno, std::generic_category(), "cannot wait");
    }
    if ((waiting[1].revents & (POLLIN | POLLERR)) != 0) {
      take_packets(socket.get(), options.trusted, device, counters);
    }
    signalfd_siginfo signal{};
    if ((waiting[0].revents & POLLIN) != 0 &&
        ::read(signal_fd.get(), &signal, sizeof(signal)) == sizeof(signal)) {
      print(counters);
      if (signal.ssi_signo != SIGUSR1) return;
    }
  }
}

}  // namespace
}  // namespace lvsd::decap

int main(int argc, char** argv) {
  namespace decap = lvsd::decap;
  namespace po = boost::program_options;
  try {
    const auto known = decap::describe();
    po::variables_map given;
    po::store(po::parse_command_line(argc, argv, known), given);
    if (given.count("help") != 0) {
      std::cout << known;
      return 0;
    }
    decap::serve(decap::read_options(given));
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "lvsd-decap: " << error.what() << '\n';
    return 1;
  }
}
