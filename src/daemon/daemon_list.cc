// SPDX-License-Identifier: GPL-2.0-or-later
// Listings, the page of metrics, and the dump to the log. Of 100,000 destinations the workers'
// figures take some hundredths of a second to gather, and laying them out a tenth as text and twice
// that as JSON. So the control thread gathers, and a thread for each kind lays out; other clients,
// health and reloads go on meanwhile. Not with a lower priority: a worker needs none to go before
// them (io/priority.h), and on a busy machine the client would give up.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <sstream>
#include <utility>

#include "daemon_state.h"
#include "lvsd/control/listing.h"
#include "lvsd/daemon/metrics.h"
#include "lvsd/daemon/status.h"
#include "replies.h"

namespace lvsd {
namespace {

using nlohmann::json;

// Service by service as text, in place of an empty list: as one tree it would take half a gigabyte,
// and a second.
std::string as_json(const Listing& listing) {
  const std::string frame = text_of(good(to_json(Listing{listing.size, {}, listing.timeouts})));
  constexpr std::string_view kServices = "\"services\":[";
  const std::size_t inside = frame.find(kServices) + kServices.size();
  std::string text = frame.substr(0, inside);
  for (const ListedService& service : listing.services) {
    append_json(text, service);
    text += ',';
  }
  if (!listing.services.empty()) text.pop_back();
  return text.append(frame, inside);
}

Listing listing_of(Gathered& gathered) {
  return shown(std::move(gathered.workers), gathered.running, gathered.health);
}

// A tenth of the bytes.
std::string as_text(const Listing& listing, const ListOptions& layout) {
  return text_of(
      good({{"text", format_list(listing, layout)}, {"retired", describe_retired(listing)}}));
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

void Daemon::State::list(const Request& request, ControlSocket::Reply reply) {
  std::optional<ListOptions> layout;
  if (request.form) {
    layout = parse_list_options(*request.form);
    if (!layout) return reply(error_reply("a listing has no such form"));
  }
  std::optional<ServiceKey> only;
  if (request.service) {
    const auto found = find_service(running, *request.service);
    if (!found) return reply(error_reply(found.error().message));
    only = *found;
  }
  const auto answer = [reply = std::move(reply)](Result<std::string, Error> said) {
    reply(said ? std::move(*said) : error_reply(said.error().message));
  };
  if (!layout) {
    return lay_out(json_lister,
                   {[](Gathered& all) { return as_json(listing_of(all)); }, answer, only});
  }
  const auto text = [layout = *layout](Gathered& all) { return as_text(listing_of(all), layout); };
  lay_out(text_lister, {text, answer, only});
}

void Daemon::State::lay_out(Lister& lister, Lister::Wanted wanted) {
  lister.wanted.push_back(std::move(wanted));
  next_listing(lister);
}

// One at a time, as each holds all figures; what waits is not gathered yet.
void Daemon::State::next_listing(Lister& lister) {
  if (lister.wanted.empty() || lister.answer) return;
  Lister::Wanted wanted = std::move(lister.wanted.front());
  lister.wanted.pop_front();
  lister.answer = std::move(wanted.answer);
  const auto conclude = [this, &lister](Result<std::string, Error> said) {
    boost::asio::post(io, [this, &lister, said = std::move(said)]() mutable {
      const auto answer = std::exchange(lister.answer, nullptr);
      answer(std::move(said));
      next_listing(lister);
    });
  };
  auto workers = wanted.only ? fleet.snapshot({*wanted.only}) : fleet.snapshot();
  if (!workers) return conclude(Unexpected{workers.error()});
  if (!lister.thread) lister.thread.emplace(1);
  const auto gathered =
      std::make_shared<Gathered>(Gathered{std::move(*workers), running, health.view()});
  boost::asio::post(*lister.thread, [gathered, lay_out = std::move(wanted.lay_out), conclude] {
    conclude(lay_out(*gathered));
  });
}

// What USR1 asks for. Writing it takes longer than making it.
void Daemon::State::dump() {
  const auto log_lines = [status = text_of(status())](Gathered& all) {
    std::istringstream lines(format_list(listing_of(all), {}));
    for (std::string line; std::getline(lines, line);) spdlog::info("dump: {}", line);
    spdlog::info("dump: {}", status);
    return std::string();
  };
  lay_out(text_lister, {log_lines, [](const Result<std::string, Error>& done) {
                          if (!done) spdlog::error("dump: {}", done.error().message);
                        }});
}

void Daemon::State::metrics_page(MetricsServer::Reply reply) {
  const auto page = [this, network = network, exposed = exposure.view(), reloads = reloads,
                     last_reload = last_reload](Gathered& all) {
    return metrics_text({.workers = std::move(all.workers),
                         .running = all.running,
                         .network = *network,
                         .exposure = exposed,
                         .started = started_at,
                         .reloads = reloads,
                         .last_reload = last_reload,
                         .health = std::move(all.health)});
  };
  lay_out(metrics_lister, {page, [reply = std::move(reply)](Result<std::string, Error> said) {
                             reply(said ? std::move(*said) : std::string());
                           }});
}

// The old one goes first, since the new address may overlap its own.
void Daemon::State::open_metrics() {
  metrics.reset();
  const std::optional<Endpoint> where = options.metrics ? options.metrics : file_metrics;
  if (!where) return;
  metrics.emplace(io, *where,
                  [this](MetricsServer::Reply reply) { metrics_page(std::move(reply)); });
}

}  // namespace lvsd
