// SPDX-License-Identifier: GPL-2.0-or-later
// lvsd-decap: the tunnel's end on a real server whose kernel has no tunl0. Takes tunnel packets of
// trusted directors from sockets and hands the inner packets to a TUN device that carries the
// virtual addresses. SIGUSR1 prints the counters, SIGINT and SIGTERM print them and end it.
#include <cap-ng.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <boost/program_options.hpp>
#include <cerrno>
#include <chrono>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <system_error>

#include "decap/detach.h"
#include "decap/sources.h"
#include "decap/tunnel_device.h"

namespace lvsd::decap {
namespace {

namespace po = boost::program_options;
using Clock = std::chrono::steady_clock;

constexpr int kBurst = 64;             // packets of a socket between two looks at the others
constexpr int kAnswersPerSecond = 10;  // of refusals; as ICMP errors of the kernel's are limited

struct Options {
  std::string device, pid_file;
  Trust trust;
  Tunnels tunnels;
  unsigned mtu = 1500;
  bool answer = true;
};

struct Counters {
  std::uint64_t delivered = 0, not_delivered = 0;
  std::array<std::uint64_t, kRefusals> refused{};
};

po::options_description describe() {
  po::options_description known("lvsd-decap --vip ADDRESS... --from DIRECTOR...");
  auto add = known.add_options();
  using Texts = std::vector<std::string>;
  add("device", po::value<std::string>()->default_value("lvsd-tun"), "name of the TUN device");
  add("vip", po::value<Texts>()->composing(),
      "a virtual address to put on the device, as /32 or /128; may be repeated");
  add("from", po::value<Texts>()->composing(),
      "a director's address, or a prefix; packets of all others are refused; may be repeated");
  add("tunnel", po::value<Texts>()->composing(),
      "ipip, gre or gue: open sockets for these alone; may be repeated; by default all, GUE where "
      "--gue-port is given");
  add("gue-port", po::value<std::vector<std::uint16_t>>()->composing(),
      "a UDP port on which GUE comes; may be repeated; 6080 with --tunnel gue alone");
  add("mtu", po::value<unsigned>()->default_value(1500), "of the device: 1280 to 65535");
  add("no-icmp", "refuse without telling the sender");
  add("detach", po::value<std::string>(),
      "go on in the background once ready; the process number goes to this file");
  add("version", "print the version");
  add("help", "this text");
  return known;
}

std::vector<std::string> words(const po::variables_map& given, const char* name) {
  if (given.count(name) == 0) {
    throw std::runtime_error(std::string("--") + name + " is missing; see --help");
  }
  return given[name].as<std::vector<std::string>>();
}

Tunnels read_tunnels(const po::variables_map& given) {
  constexpr Port kGuePort{std::uint16_t{6080}};  // lvsd's default
  Tunnels tunnels;
  if (given.count("gue-port") != 0) {
    for (const std::uint16_t port : given["gue-port"].as<std::vector<std::uint16_t>>()) {
      if (port == 0) throw std::runtime_error("--gue-port 0: there is no such port");
      tunnels.gue_ports.emplace_back(port);
    }
  }
  if (given.count("tunnel") == 0) return tunnels;
  tunnels.ipip = tunnels.gre = false;
  bool gue = false;
  for (const auto& kind : words(given, "tunnel")) {
    if (kind != "ipip" && kind != "gre" && kind != "gue") {
      throw std::runtime_error("--tunnel " + kind + ": it is ipip, gre or gue");
    }
    (kind == "ipip" ? tunnels.ipip : kind == "gre" ? tunnels.gre : gue) = true;
  }
  if (!gue && !tunnels.gue_ports.empty()) {
    throw std::runtime_error("--gue-port needs --tunnel gue, where there is any --tunnel");
  }
  if (gue && tunnels.gue_ports.empty()) tunnels.gue_ports.push_back(kGuePort);
  return tunnels;
}

Options read_options(const po::variables_map& given) {
  constexpr unsigned kLeastMtu = 1280, kMostMtu = 65535;
  Options options;
  options.device = given["device"].as<std::string>();
  for (const auto& text : words(given, "vip")) {
    const auto address = IpAddress::parse(text);
    if (!address) throw std::runtime_error("--vip " + text + ": not an IP address");
    options.trust.vips.push_back(*address);
  }
  for (const auto& text : words(given, "from")) {
    const auto prefix = Prefix::parse(text);
    if (!prefix) throw std::runtime_error("--from " + text + ": not an IP address or prefix");
    options.trust.directors.push_back(*prefix);
  }
  options.tunnels = read_tunnels(given);
  options.mtu = given["mtu"].as<unsigned>();
  if (options.mtu < kLeastMtu || options.mtu > kMostMtu) {
    throw std::runtime_error("--mtu is 1280 to 65535");
  }
  options.answer = given.count("no-icmp") == 0;
  if (given.count("detach") != 0) options.pid_file = given["detach"].as<std::string>();
  return options;
}

void print(const Counters& counters) {
  std::cout << "delivered " << counters.delivered << ", not-delivered " << counters.not_delivered;
  for (std::size_t i = 0; i < kRefusals; ++i) {
    std::cout << ", " << to_string(static_cast<Refusal>(i)) << ' ' << counters.refused[i];
  }
  std::cout << std::endl;
}

// Sockets and device are open by then; nothing else needs a privilege.
void give_up_privileges() {
  capng_clear(CAPNG_SELECT_BOTH);
  if (capng_apply(CAPNG_SELECT_CAPS) != 0) throw std::runtime_error("cannot drop capabilities");
}

class Decapsulator {
 public:
  explicit Decapsulator(const Options& options)
      : options_(options),
        sources_(options.trust, options.tunnels),
        device_(options.device, options.trust.vips, options.mtu) {}

  const TunnelDevice& device() const { return device_; }
  void serve(int signal_fd);  // until a signal ends it

 private:
  void take_packets(std::size_t index);
  void take(const Arrival& arrival);
  void refuse(const Arrival& arrival, Refusal refusal);
  bool take_signal(int signal_fd);

  const Options& options_;
  Sources sources_;
  TunnelDevice device_;
  Counters counters_;
  Clock::time_point second_{};
  int answers_ = 0;  // in that second
};

void Decapsulator::refuse(const Arrival& arrival, Refusal refusal) {
  ++counters_.refused[static_cast<std::size_t>(refusal)];
  if (!options_.answer) return;
  const auto now = Clock::now();
  if (now - second_ >= std::chrono::seconds(1)) {
    second_ = now;
    answers_ = 0;
  }
  if (answers_ == kAnswersPerSecond) return;
  const std::vector<std::byte> message = refusal_answer(arrival, refusal);
  if (message.empty()) return;
  ++answers_;
  sources_.answer(arrival.source, message);
}

void Decapsulator::take(const Arrival& arrival) {
  const auto inner = decapsulate(arrival, options_.trust);
  if (!inner) return refuse(arrival, inner.error());
  ++(device_.write(*inner) ? counters_.delivered : counters_.not_delivered);
}

void Decapsulator::take_packets(std::size_t index) {
  for (int i = 0; i < kBurst; ++i) {
    Arrival arrival;
    switch (sources_.receive(index, arrival)) {
      case Sources::Receipt::nothing:
        return;
      case Sources::Receipt::malformed:
        ++counters_.refused[static_cast<std::size_t>(Refusal::malformed_outer)];
        break;
      case Sources::Receipt::arrival:
        take(arrival);
        break;
    }
  }
}

// False: it is time to end.
bool Decapsulator::take_signal(int signal_fd) {
  signalfd_siginfo signal{};
  if (::read(signal_fd, &signal, sizeof(signal)) != sizeof(signal)) return true;
  print(counters_);
  return signal.ssi_signo == SIGUSR1;
}

void Decapsulator::serve(int signal_fd) {
  std::vector<pollfd> waiting{{signal_fd, POLLIN, 0}};
  for (std::size_t i = 0; i < sources_.size(); ++i) waiting.push_back({sources_.fd(i), POLLIN, 0});
  for (;;) {
    if (::poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) {
      throw std::system_error(errno, std::generic_category(), "cannot wait");
    }
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      if ((waiting[i + 1].revents & (POLLIN | POLLERR)) != 0) take_packets(i);
    }
    if ((waiting[0].revents & POLLIN) != 0 && !take_signal(signal_fd)) return;
  }
}

void run(const Options& options) {
  std::optional<Detached> detached;
  if (!options.pid_file.empty()) detached.emplace(options.pid_file);
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) sigaddset(&signals, signal);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  const FileDescriptor signal_fd(::signalfd(-1, &signals, SFD_CLOEXEC));
  if (!signal_fd.valid()) {
    throw std::system_error(errno, std::generic_category(), "cannot watch signals");
  }
  try {
    Decapsulator decapsulator(options);
    give_up_privileges();
    const std::string& warning = decapsulator.device().warning();
    if (!warning.empty()) std::cerr << "lvsd-decap: warning: " << warning << std::endl;
    std::cout << "ready: " << decapsulator.device().name() << std::endl;
    if (detached) detached->ready();
    ::sd_notify(0, "READY=1");
    decapsulator.serve(signal_fd.get());
    ::sd_notify(0, "STOPPING=1");
  } catch (const std::exception& error) {
    std::cerr << "lvsd-decap: " << error.what() << std::endl;  // before the waiting caller ends
    throw;
  }
}

}  // namespace
}  // namespace lvsd::decap

int main(int argc, char** argv) {
  namespace decap = lvsd::decap;
  namespace po = boost::program_options;
  decap::Options options;
  try {
    const auto known = decap::describe();
    po::variables_map given;
    po::store(po::parse_command_line(argc, argv, known), given);
    if (given.count("help") != 0) {
      std::cout << known;
      return 0;
    }
    if (given.count("version") != 0) {
      std::cout << "lvsd-decap " << LVSD_VERSION << '\n';
      return 0;
    }
    options = decap::read_options(given);
  } catch (const std::exception& error) {
    std::cerr << "lvsd-decap: " << error.what() << '\n';
    return 1;
  }
  try {
    decap::run(options);
    return 0;
  } catch (const std::exception&) {  // it said why
    return 1;
  }
}
