// SPDX-License-Identifier: GPL-2.0-or-later
// What a reload would do. A plan comes with a whole file: reading megabytes of YAML and comparing
// two configurations take seconds, during which health, reloads and other clients must not wait. So
// a thread does both; only what it starts from, the running configuration and the connections, is
// taken on the control thread, in between; and what its checks would make of it, as a reload asks.
#include <boost/asio/post.hpp>

#include "daemon_state.h"
#include "lvsd/config/diff.h"
#include "lvsd/config/probe_path.h"
#include "lvsd/control/plan.h"
#include "lvsd/daemon/status.h"
#include "lvsd/io/worker_count.h"
#include "replies.h"

namespace lvsd {
namespace {

using nlohmann::json;
using Read = Result<ConfigFile, Problems>;

constexpr std::size_t kMostPlans = 4;  // each holds a file and what was read from it

json refusal(const Problems& problems) {
  json refused = bad("the file is refused");
  for (const Problem& problem : problems.list) {
    refused["problems"].push_back(to_string(problem, ""));
  }
  return refused;
}

struct Draft {
  ConfigFile next;
  Config running;
  std::optional<Endpoint> metrics;
  Influences influences;
  LiveConnections live;
};

std::string finish(Draft& draft) {
  count_workers(draft.next.config.startup);
  const Config wanted = effective(draft.next.config, draft.influences);
  const Changes changes = diff(draft.running, wanted);
  Plan plan = make_plan(changes, draft.running, wanted, draft.live);
  note_metrics(plan, draft.metrics, draft.next.metrics);
  note_checks(plan, changes, draft.next.health);
  return text_of(good({{"plan", to_json(plan)}}));
}

}  // namespace

void Daemon::State::plan(std::string text, ControlSocket::Reply reply) {
  if (plans.size() >= kMostPlans) return reply(error_reply("too many plans at once; try again"));
  if (!planner) planner.emplace(1);
  const std::uint64_t number = ++plans_begun;
  plans.emplace(number, std::move(reply));
  const auto conclude = [this, number](std::string said) {
    boost::asio::post(io, [this, number, said = std::move(said)]() mutable {
      const auto asked = plans.extract(number);
      asked.mapped()(std::move(said));
    });
  };
  const auto compare = [this, conclude](const std::shared_ptr<Read>& next) {
    auto workers = fleet.snapshot();
    if (!workers) return conclude(error_reply(workers.error().message));
    use_probe_marks((*next)->config, running.startup.probe_marks);
    Influences then{influences.overrides,
                    health.prepare(**next, influences.overrides, &file).influence};
    const auto draft =
        std::make_shared<Draft>(Draft{std::move(**next), running, file_metrics, std::move(then),
                                      live_connections(directors(std::move(*workers)))});
    boost::asio::post(*planner, [draft, conclude] { conclude(finish(*draft)); });
  };
  boost::asio::post(*planner, [this, text = std::move(text), conclude, compare] {
    const auto next = std::make_shared<Read>(parse_file(text));
    if (!*next) return conclude(text_of(refusal(next->error())));
    boost::asio::post(io, [next, compare] { compare(next); });
  });
}

}  // namespace lvsd
