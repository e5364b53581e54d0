// SPDX-License-Identifier: GPL-2.0-or-later
// The tables of ipvsadm (reference 8.3), blank for blank. One difference: ipvsadm compares
// addresses by a 32-bit subtraction, so that 192.0.2.1 comes before 10.0.0.1; here the smaller
// address is first.
#include <fmt/format.h>

#include <algorithm>
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
  return std::make_tuple(!key.listen.address.is_v4(), key.protocol, key.listen);
}

std::vector<const ServiceSnapshot*> sorted_services(const Listing& listing) {
  std::vector<const ServiceSnapshot*> order;
  for (const ListedService& listed : listing.services) {
    if (!listed.retired) order.push_back(&listed.service);
  }
  std::sort(order.begin(), order.end(),
            [](const auto* a, const auto* b) { return service_order(a) < service_order(b); });
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
  if (options.form == ListForm::thresholds) {
    return "Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn \n"
           "  -> RemoteAddress:Port\n";
  }
  return "Prot LocalAddress:Port Scheduler Flags\n"
         "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n";
}

std::string service_line(const ServiceSnapshot& service, const ListOptions& options) {
  const std::string name = fmt::format("{:<4} {}", upper(to_string(service.key.protocol)),
                                       to_string(service.key.listen));
  if (options.form == ListForm::statistics) {
    return fmt::format("{:<33}", name) + cells(service.statistics, options.exact);
  }
  return fmt::format("{} {}\n", name, to_string(service.scheduler, service.scheduler_flags));
}

std::string destination_line(const DestinationSnapshot& destination, const ListOptions& options) {
  const std::string name = fmt::format("  -> {:<28}", to_string(destination.config.endpoint));
  if (options.form == ListForm::statistics) {
    return name + cells(destination.statistics, options.exact);
  }
  if (options.form == ListForm::thresholds) {
    const Thresholds& thresholds = destination.config.thresholds;
    return fmt::format("{} {:<10} {:<10} {:<10} {:<10}\n", name, thresholds.upper, thresholds.lower,
                       destination.active, destination.inactive);
  }
  return fmt::format("{} {:<7} {:<6} {:<10} {:<10}\n", name,
                     ipvsadm_name(destination.config.method), destination.config.weight.value(),
                     destination.active, destination.inactive);
}

}  // namespace

std::string format_list(const Listing& listing, const ListOptions& options) {
  std::string text = fmt::format("IP Virtual Server version 1.2.1 (size={})\n", listing.size);
  text += title(options);
  for (const ServiceSnapshot* service : sorted_services(listing)) {
    text += service_line(*service, options);
    for (const DestinationSnapshot* destination : sorted_destinations(*service)) {
      text += destination_line(*destination, options);
    }
  }
  return text;
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
