// SPDX-License-Identifier: GPL-2.0-or-later
// The destinations of one director, by stable id: an id is reused only after its destination was
// removed and its last connection is gone. Connection counts and the overload flag are kept here,
// as in reference section 2.5.
#pragma once

#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lvsd/director/rate_estimator.h"
#include "lvsd/model/destination_state.h"
#include "lvsd/model/time.h"

namespace lvsd {

struct Service;

// What the director keeps beside a DestinationState, which schedulers see as a dense array.
struct DestinationExtra {
  Service* service = nullptr;  // null once the service object is gone
  std::uint32_t path = 0;      // to its address, among the paths of all
  RateEstimator rates;
  std::shared_ptr<SharedLoad> load;  // keeps it where the DestinationState points to
  bool moving = false;               // among those whose rates have to be estimated
  bool in_use = false;               // the id is taken
  bool nat_address = false;      // counted among the NAT addresses, to the end of its connections
  std::uint32_t retired_at = 0;  // its place among the retired ones of its service
  std::uint64_t retired_number = 0;  // which retirement it was, of all
};

// What is known of the way to an address. It is the address's, whatever method a destination there
// has: the kernel's route remembers it for each (observed).
struct ServerPath {
  std::uint32_t mtu = 0;  // learned from ICMP about a tunnel to it; 0: not known
  TimePoint mtu_until{};
  std::uint32_t uses = 0;  // by destinations, retired ones included
  struct Kind {
    Encapsulation encapsulation;
    Port port;
    std::uint32_t uses;
  };
  std::vector<Kind> tunnels;  // the kinds of tunnels that lead there
};

class Destinations {
 public:
  Destinations() = default;
  // A copy for trying of these only, which get the ids 0, 1, ... in this order: find_nat() finds
  // the first of them that it may. Counts for itself from here on, beginning with all there are.
  Destinations(const Destinations& real, std::span<const DestinationId> kept);
  // Into such a copy: what is known of an address, even where none of its destinations was copied.
  void know_path(const Destinations& real, const IpAddress& address);

  // `load`: of all directors, where there are several.
  DestinationId add(const Destination& config, const ServiceKey& key, Service* service,
                    std::shared_ptr<SharedLoad> load = {});
  void retire(DestinationId id);  // frees the id at once where no connection refers to it
  // A retired destination of this identity, brought back to life with its connections and counts.
  std::optional<DestinationId> revive(const Destination& config, const ServiceKey& key,
                                      Service* service);

  void bind(DestinationId id);                       // a new connection, inactive at first
  void set_active(DestinationId id, bool active);    // one connection changed sides
  void unbind(DestinationId id, bool was_inactive);  // may free a retired id
  void bind_template(DestinationId id);
  void unbind_template(DestinationId id);

  DestinationState& operator[](DestinationId id) { return states_[index(id)]; }
  const DestinationState& operator[](DestinationId id) const { return states_[index(id)]; }
  DestinationExtra& extra(DestinationId id) { return extras_[index(id)]; }
  const DestinationExtra& extra(DestinationId id) const { return extras_[index(id)]; }
  // To count in. Only destinations that are counted in have their rates estimated, until these are
  // zero again: doing it for a hundred thousand would hold up a packet for milliseconds.
  Statistics& counted(DestinationId id) {
    DestinationExtra& extra = extras_[index(id)];
    if (!extra.moving) moving_.push_back(id);
    extra.moving = true;
    return states_[index(id)].statistics;
  }
  void estimate_rates(std::uint64_t periods);
  const Service* service_of(DestinationId id) const { return extras_[index(id)].service; }
  std::span<const DestinationState> states() const { return states_; }
  const DestinationState* find(DestinationId id) const;
  // The removed services whose last destination went since the last call. (Each service has a list
  // of its retired destinations: nothing ever looks through those of all.)
  std::vector<const Service*> take_abandoned() { return std::exchange(abandoned_, {}); }
  // Whether any NAT destination, retired ones included, has this address: its fragments are ours.
  bool is_nat_address(const IpAddress& address) const { return nat_addresses_.contains(address); }
  // The NAT destination of a configured service with this protocol and endpoint, if there is one.
  std::optional<DestinationId> find_nat(std::uint8_t protocol, const Endpoint& endpoint) const;
  ServerPath& path(DestinationId id) { return paths_[extras_[index(id)].path]; }
  ServerPath* find_path(const IpAddress& address) {  // null: there is no destination
    const auto found = path_index_.find(address);
    return found == path_index_.end() ? nullptr : &paths_[found->second];
  }
  // Any with this address, of the NAT destinations, retired ones included.
  std::optional<DestinationId> first_at(const IpAddress& address) const;
  // Weight, method, thresholds; `added`: on coming back, not while it is there.
  void edit(DestinationId id, const Destination& config, bool added = false);

 private:
  static std::size_t index(DestinationId id) { return static_cast<std::size_t>(id); }
  void detach(DestinationId id);
  void clear(DestinationId id);
  void let_go(DestinationState& state, DestinationId id);
  void release(DestinationId id);
  void leave_retired(DestinationId id);
  void remember_nat(DestinationId id);
  void begin_path(DestinationId id);
  void end_path(DestinationId id);
  void count_tunnel(DestinationId id, bool begins);

  std::vector<DestinationState> states_;
  std::vector<DestinationExtra> extras_;
  std::vector<DestinationId> free_, moving_;
  std::unordered_map<LoadKey, DestinationId, LoadKeyHash> retired_;
  std::uint64_t retirements_ = 0;
  std::vector<ServerPath> paths_;
  std::vector<std::uint32_t> free_paths_;
  std::unordered_map<IpAddress, std::uint32_t, IpAddressHash> path_index_;
  std::vector<const Service*> abandoned_;
  std::unordered_map<IpAddress, std::vector<DestinationId>, IpAddressHash> nat_addresses_;
};

}  // namespace lvsd
