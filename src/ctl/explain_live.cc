// SPDX-License-Identifier: GPL-2.0-or-later
// lvsctl explain without -c: the running daemon says what it would do. Nothing changes there.
#include <iostream>

#include "lvsd/ctl/client.h"
#include "lvsd/ctl/decode.h"
#include "lvsd/ctl/explain.h"
#include "lvsd/ctl/link_layer.h"

namespace lvsd::ctl {

Result<std::vector<std::byte>, Error> packet_of_capture(const std::string& file,
                                                        std::uint64_t number) {
  auto reader = PcapReader::open(file);
  if (!reader) return Unexpected{reader.error()};
  for (std::uint64_t i = 1;; ++i) {
    const auto frame = reader->next();
    if (!frame) return Unexpected{frame.error()};
    if (!*frame) return fail("there is no packet " + std::to_string(number) + " in " + file);
    if (i < number) continue;
    const auto arrived = arrive(**frame, reader->link_type(), Network::assumed());
    if (const Skip* const skip = std::get_if<Skip>(&arrived)) {
      return fail("packet " + std::to_string(number) +
                  " is none for a director: " + std::string(explain(*skip)));
    }
    const Arrival& arrival = std::get<Arrival>(arrived);
    std::vector<std::byte> bytes(arrival.packet.begin(), arrival.packet.end());
    bytes.resize(arrival.length);
    if (arrival.cut()) complete(bytes);
    return bytes;
  }
}

int explain_live(const ExplainSettings& settings, const std::vector<std::byte>& packet) {
  Request request{Command::explain};
  request.packet = to_hex(packet);
  request.mark = settings.mark;
  const auto reply = ask(settings.run_dir, request, std::chrono::seconds(10));
  if (!reply) {
    std::cerr << "lvsctl explain: " << reply.error().message << "\n";
    return reply.error().no_daemon ? kNoDaemon : kNo;
  }
  if (!reply->at("ok").get<bool>()) {
    return say_refused("explain", *reply, settings.json ? std::optional(2) : std::nullopt);
  }
  const auto explanation = parse_explanation(reply->value("explanation", nlohmann::json::object()));
  if (!explanation) {
    std::cerr << "lvsctl explain: " << explanation.error().message << "\n";
    return kNo;
  }
  ExplainPrinter printer(settings);
  printer.add({0, "", describe(decode_packet(packet)), *explanation});
  printer.finish();
  return kFine;
}

}  // namespace lvsd::ctl
