// SPDX-License-Identifier: GPL-2.0-or-later
// Listings. Of 100,000 destinations the workers' figures take some hundredths of a second to
// gather, and laying them out a tenth as text and a second and more as JSON. So the control thread
// gathers, and a thread for each kind lays out; other clients, health and reloads go on meanwhile.
// Not with a lower priority: a worker needs none to go before them (io/priority.h), and on a busy
// machine the client would give up.
#include <boost/asio/post.hpp>
#include <utility>

#include "daemon_state.h"
#include "lvsd/control/listing.h"
#include "lvsd/daemon/status.h"
#include "replies.h"

namespace lvsd {
namespace {

using nlohmann::json;

struct Gathered {
  std::vector<WorkerSnapshot> workers;
  Config running;
  HealthView health;
};

// Service by service: as one tree it would take half a gigabyte.
std::string as_json(const Listing& listing) {
  json head = good(to_json(Listing{listing.size, {}, listing.timeouts}));
  head.erase("services");
  std::string text = text_of(head);
  text.back() = ',';
  text += "\"services\":[";
  for (const ListedService& service : listing.services) text += text_of(to_json(service)) + ",";
  if (text.back() == ',') text.pop_back();
  return text + "]}";
}

// As text where a form is named: a tenth of the bytes.
std::string lay_out(Gathered& gathered, const std::optional<ListOptions>& layout) {
  const Listing listing = shown(std::move(gathered.workers), gathered.running, gathered.health);
  if (!layout) return as_json(listing);
  return text_of(
      good({{"text", format_list(listing, *layout)}, {"retired", describe_retired(listing)}}));
}

}  // namespace

Listing shown(std::vector<WorkerSnapshot>&& workers, const Config& running,
              const HealthView& view) {
  Listing listing = make_listing(directors(std::move(workers)), running);
  for (ListedService& listed : listing.services) {
    for (const DestinationSnapshot& each : listed.service.destinations) {
      const CheckedView* const checked = view.find(listed.service.key, each.config.endpoint);
      if (checked != nullptr) listed.health[each.config.endpoint] = to_string(checked->state);
    }
  }
  return listing;
}

void Daemon::State::list(const std::optional<std::string>& form, ControlSocket::Reply reply) {
  std::optional<ListOptions> layout;
  if (form) {
    layout = parse_list_options(*form);
    if (!layout) return reply(error_reply("a listing has no such form"));
  }
  Lister& lister = layout ? text_lister : json_lister;
  lister.wanted.push_back({layout, std::move(reply)});
  next_listing(lister);
}

// One at a time, as each holds all figures; what waits is not gathered yet.
void Daemon::State::next_listing(Lister& lister) {
  if (lister.wanted.empty() || lister.busy) return;
  Lister::Wanted wanted = std::move(lister.wanted.front());
  lister.wanted.pop_front();
  lister.busy = true;
  const auto conclude = [this, &lister, reply = std::move(wanted.reply)](std::string said) {
    boost::asio::post(io, [this, &lister, reply, said = std::move(said)]() mutable {
      lister.busy = false;
      reply(std::move(said));
      next_listing(lister);
    });
  };
  auto workers = fleet.snapshot();
  if (!workers) return conclude(error_reply(workers.error().message));
  if (!lister.thread) lister.thread.emplace(1);
  const auto gathered =
      std::make_shared<Gathered>(Gathered{std::move(*workers), running, health.view()});
  boost::asio::post(*lister.thread, [gathered, layout = wanted.layout, conclude] {
    conclude(lay_out(*gathered, layout));
  });
}

}  // namespace lvsd
