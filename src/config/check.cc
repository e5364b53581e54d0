// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/config/check.h"

#include <ostream>

#include "lvsd/config/workers.h"

namespace lvsd {
namespace {

std::string counted(std::size_t count, std::string_view noun) {
  return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

}  // namespace

std::string summary(std::string_view file, const Config& config) {
  std::size_t destinations = 0;
  for (const VirtualService& service : config.services) destinations += service.destinations.size();
  return std::string(file) + ": ok, " + counted(config.services.size(), "service") + ", " +
         counted(destinations, "destination");
}

void print(std::ostream& out, std::string_view file, const std::vector<Problem>& problems,
           std::string_view label) {
  for (Problem problem : problems) {
    problem.what.insert(0, label);
    out << to_string(problem, file) << '\n';
  }
}

std::optional<Config> check_file(const std::string& file, std::ostream& out, std::ostream& err) {
  Result<Config, Problems> config = load_config(file);
  if (!config) {
    print(err, file, config.error().list);
    return std::nullopt;
  }
  print(err, file, check_steering(*config), "warning: ");
  out << summary(file, *config) << '\n';
  return std::move(*config);
}

}  // namespace lvsd
