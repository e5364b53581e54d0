// SPDX-License-Identifier: GPL-2.0-or-later
// The tables of ipvsadm (reference 8.3), blank for blank. One difference: ipvsadm compares
// addresses by a 32-bit subtraction, so that 192.0.2.1 comes before 10.0.0.1; here the smaller
// address is first.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "lvsd/control/listing.h"
#include "lvsd/control/words.h"

namespace lvsd {
namespace {

std::string upper(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return result;
}

// Width 9 with the leading blank; integer division, as ipvsadm cuts.
std::string cell(std::uint64_t number, bool exact) {
  constexpr std::uint64_t kMillion = 1'000'000;
  if (exact || number < 100 * kMillion) return fmt::format(" {:>8}", number);
  if (number < 1000 * kMillion) return fmt::format("{:>8}K", number / 1000);
  if (number < 100'000 * kMillion) return fmt::format("{:>8}M", number / kMillion);
  if (number < 100'000'000 * kMillion) return fmt::format("{:>8}G", number / (1000 * kMillion));
  return fmt::format("{:>8}T", number / (kMillion * kMillion));
}

std::string cells(const Statistics& s, bool exact) {
  return cell(s.connections, exact) + cell(s.packets_in, exact) + cell(s.packets_out, exact) +
         cell(s.bytes_in, exact) + cell(s.bytes_out, exact) + "\n";
}

auto service_order(const ServiceSnapshot* service) {
  const ServiceKey& key = service->key;
  return std::make_tuple(key.mark, !key.listen.address.is_v4(), key.protocol, key.listen);
}

std::vector<const ListedService*> sorted_services(const Listing& listing) {
  std::vector<const ListedService*> order;
  for (const ListedService& listed : listing.services) {
    if (!listed.retired) order.push_back(&listed);
  }
  std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return service_order(&a->service) < service_order(&b->service);
  });
  return order;
}

std::vector<const DestinationSnapshot*> sorted_destinations(const ServiceSnapshot& service) {
  std::vector<const DestinationSnapshot*> order;
  for (const DestinationSnapshot& destination : service.destinations) {
    if (!destination.retired) order.push_back(&destination);
  }
  std::sort(order.begin(), order.end(),
            [](const auto* a, const auto* b) { return a->config.endpoint < b->config.endpoint; });
  return order;
}

std::string title(const ListOptions& options) {
  if (options.form == ListForm::statistics) {
    return fmt::format("{:<33} {:>8} {:>8} {:>8} {:>8} {:>8}\n  -> RemoteAddress:Port\n",
                       "Prot LocalAddress:Port", "Conns", "InPkts", "OutPkts", "InBytes",
                       "OutBytes");
  }
  if (options.form == ListForm::rates) {
    return fmt::format("{:<33} {:>8} {:>8} {:>8} {:>8} {:>8}\n  -> RemoteAddress:Port\n",
                       "Prot LocalAddress:Port", "CPS", "InPPS", "OutPPS", "InBPS", "OutBPS");
  }
  if (options.form == ListForm::persistent) {
    return "Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn \n"
           "  -> RemoteAddress:Port\n";
  }
  if (options.form == ListForm::tunnels) {
    return "Prot LocalAddress:Port Scheduler Flags\n"
           "  -> RemoteAddress:Port           Forward TunnelInfo    Weight ActiveConn InActConn\n";
  }
  if (options.form == ListForm::thresholds) {
    return "Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn \n"
           "  -> RemoteAddress:Port\n";
  }
  return "Prot LocalAddress:Port Scheduler Flags\n"
         "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n";
}

std::string service_name(const ServiceKey& key) {
  if (key.is_by_mark()) {
    return fmt::format("FWM  {}{}", key.mark, key.listen.address.is_v4() ? "" : " IPv6");
  }
  return fmt::format("{:<4} {}", upper(to_string(key.protocol)), to_string(key.listen));
}

// What stands behind the scheduler: " persistent 300 mask 255.255.255.0 pe sip ops".
std::string service_flags(const ServiceSnapshot& service) {
  std::string out;
  if (const auto& persistence = service.persistence) {
    const bool v4 = service.key.listen.address.is_v4();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(persistence->timeout);
    out += fmt::format(" persistent {}", seconds.count());
    if (v4 && persistence->netmask != 32) {
      const IpAddress all(0xff, 0xff, 0xff, 0xff);
      out += " mask " + to_string(masked(all, persistence->netmask));
    } else if (!v4 && persistence->netmask != 128) {
      out += fmt::format(" mask {}", persistence->netmask);
    }
    if (persistence->engine != PersistenceEngine::none) {
      out += " pe " + std::string(to_string(persistence->engine));
    }
  }
  return out + (service.one_packet ? " ops" : "");
}

std::string service_line(const ServiceSnapshot& service, const ListOptions& options) {
  const std::string name = service_name(service.key);
  if (options.form == ListForm::statistics) {
    return fmt::format("{:<33}", name) + cells(service.statistics, options.exact);
  }
  if (options.form == ListForm::rates) {
    return fmt::format("{:<33}", name) + cells(service.rates, options.exact);
  }
  return fmt::format("{} {}{}\n", name, to_string(service.scheduler, service.scheduler_flags),
                     service_flags(service));
}

// ipip, gue:6080:+c, gre:-c, or n/a: -c without checksum, r+c with a remote one.
std::string tunnel_info(const ForwardingMethod& method) {
  const Tunnel* const tunnel = std::get_if<Tunnel>(&method);
  if (tunnel == nullptr) return "n/a";
  const std::string name(to_string(tunnel->encapsulation));
  if (tunnel->encapsulation == Encapsulation::ipip) return name;
  const std::string_view checksum = tunnel->checksum == TunnelChecksum::none      ? ":-c"
                                    : tunnel->checksum == TunnelChecksum::present ? ":+c"
                                                                                  : ":r+c";
  const bool gue = tunnel->encapsulation == Encapsulation::gue;
  return name + (gue ? ":" + to_string(tunnel->port) : "") + std::string(checksum);
}

std::string destination_line(const DestinationSnapshot& destination, const ListOptions& options) {
  const std::string name = fmt::format("  -> {:<28}", to_string(destination.config.endpoint));
  const Destination& config = destination.config;
  switch (options.form) {
    case ListForm::statistics:
      return name + cells(destination.statistics, options.exact);
    case ListForm::rates:
      return name + cells(destination.rates, options.exact);
    case ListForm::thresholds:
      return fmt::format("{} {:<10} {:<10} {:<10} {:<10}\n", name, config.thresholds.upper,
                         config.thresholds.lower, destination.active, destination.inactive);
    case ListForm::persistent:
      return fmt::format("{} {:<9} {:<11} {:<10} {:<10}\n", name, config.weight.value(),
                         destination.persistent, destination.active, destination.inactive);
    case ListForm::tunnels:
      return fmt::format("{} {:<7} {:<13} {:<6} {:<10} {:<10}\n", name, ipvsadm_name(config.method),
                         tunnel_info(config.method), config.weight.value(), destination.active,
                         destination.inactive);
    case ListForm::connections:
      break;
  }
  return fmt::format("{} {:<7} {:<6} {:<10} {:<10}\n", name, ipvsadm_name(config.method),
                     config.weight.value(), destination.active, destination.inactive);
}

// "down", "checking": what is up, or not checked, says nothing.
std::string health_mark(const ListedService& listed, const DestinationSnapshot& destination) {
  const auto found = listed.health.find(destination.config.endpoint);
  return found == listed.health.end() || found->second == "up" ? "" : " " + found->second;
}

constexpr std::array<std::pair<std::string_view, ListForm>, 6> kForms{
    {{"connections", ListForm::connections},
     {"stats", ListForm::statistics},
     {"rate", ListForm::rates},
     {"thresholds", ListForm::thresholds},
     {"persistent-conn", ListForm::persistent},
     {"tun-info", ListForm::tunnels}}};
constexpr std::string_view kExact = "-exact";

}  // namespace

std::string to_string(const ListOptions& options) {
  std::string name;
  for (const auto& [text, form] : kForms) {
    if (form == options.form) name = text;
  }
  return options.exact ? name.append(kExact) : name;
}

std::optional<ListOptions> parse_list_options(std::string_view name) {
  ListOptions options{.exact = name.ends_with(kExact)};
  if (options.exact) name.remove_suffix(kExact.size());
  for (const auto& [text, form] : kForms) {
    if (text != name) continue;
    options.form = form;
    return options;
  }
  return std::nullopt;
}

std::string format_list(const Listing& listing, const ListOptions& options) {
  std::string text = fmt::format("IP Virtual Server version 1.2.1 (size={})\n", listing.size);
  text += title(options);
  for (const ListedService* listed : sorted_services(listing)) {
    text += service_line(listed->service, options);
    for (const DestinationSnapshot* destination : sorted_destinations(listed->service)) {
      text += destination_line(*destination, options);
      if (options.form == ListForm::connections) {
        text.insert(text.size() - 1, health_mark(*listed, *destination));
      }
    }
  }
  return text;
}

std::string format_timeouts(const Timeouts& timeouts) {
  const auto whole = [](Duration duration) {
    return std::chrono::duration_cast<std::chrono::seconds>(duration).count();
  };
  return fmt::format("Timeout (tcp tcpfin udp): {} {} {}\n", whole(timeouts.tcp),
                     whole(timeouts.tcp_fin), whole(timeouts.udp));
}

std::string describe_retired(const Listing& listing) {
  std::uint64_t destinations = 0, connections = 0;
  for (const ListedService& listed : listing.services) {
    for (const DestinationSnapshot& destination : listed.service.destinations) {
      if (!destination.retired) continue;
      ++destinations;
      connections += std::uint64_t{destination.active} + destination.inactive;
    }
  }
  if (destinations == 0) return {};
  return counted(destinations, "removed destination") +
         (destinations == 1 ? " still has " : " still have ") + counted(connections, "connection");
}

}  // namespace lvsd
