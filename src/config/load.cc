// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/config/file.h"

#include <array>

#include "lvsd/config/fields.h"
#include "lvsd/config/ipvs.h"
#include "lvsd/config/probe_path.h"
#include "lvsd/config/services.h"
#include "lvsd/config/text.h"
#include "lvsd/config/workers.h"

namespace lvsd {
namespace {

constexpr std::array<std::string_view, 5> kFileKeys{"director", "timeouts", "oversize", "ipvs",
                                                    "services"};
constexpr std::array<std::string_view, 8> kDirectorKeys{
    "workers", "cpus", "overload", "capture", "announce", "connections", "recorder", "metrics"};
constexpr std::array<std::string_view, 3> kRecorderKeys{"drops", "bytes", "decisions"};
constexpr std::array<std::string_view, 7> kCaptureKeys{
    "backend", "stage", "queue", "queue_length", "queue_bypass", "super_packets", "probe_marks"};
constexpr std::array<std::string_view, 2> kAnnounceKeys{"interface", "defend"};
constexpr std::array<std::string_view, 1> kConnectionsKeys{"limit"};
constexpr std::array<std::string_view, 3> kTimeoutsKeys{"tcp", "tcp_fin", "udp"};

constexpr std::array<Choice<CaptureBackend>, 4> kBackends{{{"auto", CaptureBackend::automatic},
                                                           {"iptables", CaptureBackend::iptables},
                                                           {"nft", CaptureBackend::nft},
                                                           {"manual", CaptureBackend::manual}}};
constexpr std::array<Choice<Overload>, 3> kOverloads{
    {{"drop-new", Overload::drop_new}, {"drop", Overload::drop}, {"bypass", Overload::bypass}}};
constexpr std::array<Choice<CaptureStage>, 2> kStages{
    {{"early", CaptureStage::early}, {"late", CaptureStage::late}}};

void read_capture(const Item& item, StartupConfig& startup) {
  const Mapping map(item, kCaptureKeys, "write {backend: auto, stage: early}");
  if (const auto field = map.find("backend")) {
    assign(startup.backend, read_choice<CaptureBackend>(*field, kBackends));
  }
  if (const auto field = map.find("stage")) {
    assign(startup.stage, read_choice<CaptureStage>(*field, kStages));
  }
  if (const auto field = map.find("queue")) {
    assign(startup.queue, read_number(*field, {0, 65535}, "an NFQUEUE number is 0 to 65535"));
  }
  if (const auto field = map.find("queue_length")) {
    constexpr Range kLengths{64, 1U << 20U};
    assign(startup.queue_length,
           read_number(*field, kLengths, "a queue holds 64 to 1048576 packets"));
  }
  if (const auto field = map.find("queue_bypass")) {
    assign(startup.queue_bypass, read_boolean(*field));
  }
  if (const auto field = map.find("super_packets")) {
    assign(startup.super_packets, read_boolean(*field));
  }
  if (const auto field = map.find("probe_marks")) {
    assign(startup.probe_marks,
           read_number(*field, {1, 65535}, "the upper half of firewall marks is 1 to 65535"));
  }
}

void read_announce(const Item& item, Announce& announce) {
  if (item.value.kind() != ValueKind::mapping) {
    constexpr std::string_view kRemedy = "write true, false or {interface: NAME, defend: 1s}";
    if (!item.require(ValueKind::scalar, kRemedy)) return;
    assign(announce.enabled, read_boolean(item));
    return;
  }
  const Mapping map(item, kAnnounceKeys, {});
  if (const auto field = map.find("interface")) {
    assign(announce.interface, read_interface_name(*field));
  }
  if (const auto field = map.find("defend")) {
    const bool never = field->value.kind() == ValueKind::scalar && field->value.text() == "never";
    assign(announce.defend, never ? Duration::zero() : read_duration(*field));
  }
}

void read_recorder(const Item& item, RecorderLimits& recorder) {
  const Mapping map(item, kRecorderKeys, "write {drops: 256, bytes: 256, decisions: 16}");
  if (const auto field = map.find("drops")) {
    assign(recorder.drops, read_number(*field, {0, 65536}, "0 to 65536 packets are kept"));
  }
  if (const auto field = map.find("bytes")) {
    assign(recorder.bytes, read_number(*field, {40, 65535}, "40 to 65535 bytes of each are kept"));
  }
  if (const auto field = map.find("decisions")) {
    assign(recorder.decisions,
           read_number(*field, {0, 4096}, "0 to 4096 of each service are kept"));
  }
}

void read_director(const Item& item, ConfigFile& file) {
  Config& config = file.config;
  const Mapping map(item, kDirectorKeys, "write its keys below it, or leave 'director' out");
  const auto workers = map.find("workers");
  if (workers) read_workers(*workers, config.startup);
  if (const auto field = map.find("cpus")) read_cpus(*field, config.startup);
  if (const auto field = map.find("overload")) {
    assign(config.startup.overload, read_choice<Overload>(*field, kOverloads));
  }
  const auto capture = map.find("capture");
  if (capture) read_capture(*capture, config.startup);
  if (const auto field = map.find("announce")) read_announce(*field, config.announce);
  if (const auto field = map.find("recorder")) read_recorder(*field, config.recorder);
  if (const auto field = map.find("metrics")) file.metrics = read_metrics(*field);
  if (const auto field = map.find("connections")) {
    const Mapping connections(*field, kConnectionsKeys, "write {limit: 1048576}");
    // An entry takes about 100 bytes; indices into the table are 32 bits wide.
    constexpr Range kLimits{1, std::uint64_t{1} << 28U};
    if (const auto limit = connections.find("limit")) {
      assign(config.startup.connection_limit,
             read_number(*limit, kLimits, "a limit is 1 to 268435456 connections"));
    }
  }
  if (workers || capture) check_queues(workers ? *workers : *capture, config.startup);
}

void read_timeouts(const Item& item, Timeouts& timeouts) {
  const Mapping map(item, kTimeoutsKeys, "write {tcp: 900s, tcp_fin: 120s, udp: 300s}");
  if (const auto field = map.find("tcp")) assign(timeouts.tcp, read_duration(*field));
  if (const auto field = map.find("tcp_fin")) assign(timeouts.tcp_fin, read_duration(*field));
  if (const auto field = map.find("udp")) assign(timeouts.udp, read_duration(*field));
}

ConfigFile read_config(const Item& root) {
  ConfigFile file;
  Config& config = file.config;
  const Mapping map(root, kFileKeys,
                    "the file is a mapping of director, timeouts, oversize, ipvs and services");
  if (const auto field = map.find("director")) read_director(*field, file);
  if (const auto field = map.find("timeouts")) read_timeouts(*field, config.timeouts);
  Oversize oversize = Oversize::split;  // of services that do not say otherwise
  if (const auto field = map.find("oversize")) assign(oversize, read_oversize(*field));
  if (const auto field = map.find("ipvs")) config.ipvs = read_ipvs(*field);
  if (const auto field = map.require("services",
                                     "list them; a director without any says so with "
                                     "'services: []'")) {
    config.services = read_services(*field, oversize, file.health);
    config.startup.steering = steering_prefix(config.services);
    lay_probe_paths(*field, file);
  }
  return file;
}

}  // namespace

Result<ConfigFile, Problems> parse_file(std::string_view text) {
  Report report(text);
  const Document document(text, report);
  if (document.broken()) return Unexpected<Problems>{report.take()};
  if (document.empty()) {
    report.add({1, 1}, {}, "the file is empty",
               "the least that a director needs is 'services: []'");
    return Unexpected<Problems>{report.take()};
  }
  ConfigFile file = read_config({document.root(), Path(), report});
  if (!report.clean()) return Unexpected<Problems>{report.take()};
  return file;
}

Result<ConfigFile, Problems> load_file(const std::string& file) {
  const Result<std::string, Problem> text = read_file(file);
  if (!text) return Unexpected<Problems>{{{text.error()}}};
  return parse_file(*text);
}

Result<Config, Problems> parse_config(std::string_view text) {
  Result<ConfigFile, Problems> file = parse_file(text);
  if (!file) return Unexpected<Problems>{file.error()};
  return std::move(file->config);
}

Result<Config, Problems> load_config(const std::string& file) {
  const Result<std::string, Problem> text = read_file(file);
  if (!text) return Unexpected<Problems>{{{text.error()}}};
  return parse_config(*text);
}

}  // namespace lvsd
