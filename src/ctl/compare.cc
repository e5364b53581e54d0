// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/compare.h"

#include <algorithm>
#include <array>

#include "lvsd/net/headers.h"
#include "lvsd/net/packet_view.h"

namespace lvsd::ctl {
namespace {

std::string_view prefix_of(std::string_view field) {  // "inner.ip.id" -> "inner."
  const std::size_t leaf = field.rfind('.');
  const std::size_t protocol = leaf == std::string_view::npos ? leaf : field.rfind('.', leaf - 1);
  if (protocol == std::string_view::npos) return {};
  return field.substr(0, protocol + 1);
}

bool starts_with(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// Whether the sum in `sum` ("quoted.tcp.checksum") is computed over `field`.
bool sum_covers(std::string_view sum, std::string_view field) {
  const std::string_view prefix = prefix_of(sum);
  if (!starts_with(field, prefix)) return false;
  const std::string_view rest = field.substr(prefix.size());  // as seen from the sum's level
  const std::string_view protocol = sum.substr(prefix.size());
  if (starts_with(protocol, "ip.")) return starts_with(rest, "ip.");
  if (starts_with(protocol, "icmp."))
    return !starts_with(rest, "ip.") && !starts_with(rest, "eth.");
  // TCP and UDP sums cover the pseudo header, too.
  return rest == "ip.src" || rest == "ip.dst" || rest == "data" || starts_with(rest, "tcp.") ||
         starts_with(rest, "udp.");
}

// A frame that goes to one machine: what is sent to a group is ARP, IGMP and the like.
bool to_one_machine(const EthernetHeader& header) {
  return (header.destination.bytes()[0] & 1U) == 0;
}

bool is_ip(const EthernetHeader& header) {
  return header.type.host() == ethertype::kIpv4 || header.type.host() == ethertype::kIpv6;
}

// Who speaks with whom, in this direction, tunnels and quoted packets included.
std::string conversation_of(const Decoded& packet, const Ignore& ignore) {
  constexpr std::array<std::string_view, 7> kEnds{"ip.src",  "ip.dst",  "ip.protocol", "tcp.src",
                                                  "tcp.dst", "udp.src", "udp.dst"};
  const bool is_gue = packet.find("gue.protocol") != nullptr;  // from a port chosen by chance
  std::string ends;
  for (const Field& field : packet.fields) {
    const std::string_view leaf = std::string_view(field.name).substr(prefix_of(field.name).size());
    if (std::ranges::find(kEnds, leaf) == kEnds.end() || (is_gue && field.name == "udp.src")) {
      continue;
    }
    if (!ignored(ignore, field.name, false)) ends += field.name + field.value + " ";
  }
  return ends;
}

struct Mismatch {
  std::string field, expected, got;
};

std::optional<Mismatch> first_mismatch(const Decoded& expected, const Decoded& got,
                                       const Ignore& ignore, bool made) {
  const std::string none = "nothing";
  const std::size_t most = std::max(expected.fields.size(), got.fields.size());
  for (std::size_t i = 0; i < most; ++i) {
    const Field* const a = i < expected.fields.size() ? &expected.fields[i] : nullptr;
    const Field* const b = i < got.fields.size() ? &got.fields[i] : nullptr;
    if (a != nullptr && b != nullptr && a->name == b->name) {
      if (a->value == b->value || ignored(ignore, a->name, made)) continue;
      return Mismatch{a->name, a->value, b->value};
    }
    // The lists part: one packet has a field, such as options, that the other has not.
    if (a != nullptr && got.find(a->name) == nullptr) return Mismatch{a->name, a->value, none};
    if (b != nullptr) return Mismatch{b->name, none, b->value};
    return Mismatch{a->name, a->value, none};
  }
  return std::nullopt;
}

// The packet with `hops` fewer left, and without the sum of an IPv4 header; nothing where it has
// not as many.
std::optional<std::vector<std::byte>> comparable(std::span<const std::byte> packet,
                                                 std::uint8_t hops) {
  std::vector<std::byte> bytes(packet.begin(), packet.end());
  if (auto ip = lvsd::load<Ipv6Header>(packet); ip && ip->version() == 6 && ip->hop_limit > hops) {
    ip->hop_limit = static_cast<std::uint8_t>(ip->hop_limit - hops);
    store(bytes, *ip);
    return bytes;
  }
  auto ip = lvsd::load<Ipv4Header>(packet);
  if (!ip || ip->version() != 4 || ip->ttl <= hops) return std::nullopt;
  ip->ttl = static_cast<std::uint8_t>(ip->ttl - hops);
  ip->checksum = {};
  store(bytes, *ip);
  return bytes;
}

}  // namespace

Status Ignore::add(const std::string& word) {
  if (word == "mac") {
    fields.insert({"eth.src", "eth.dst"});
  } else if (starts_with(word, "made.") && is_field_name(word.substr(5))) {
    made.insert(word.substr(5));
  } else if (word == "stack") {
    stack = true;
  } else if (word == "order") {
    order = true;
  } else if (is_field_name(word)) {
    fields.insert(word);
  } else {
    return fail(word +
                " is no field; mac, stack, order, or a name as in a shown difference (ip.id; "
                "made.ip.id: only"
                " of packets that the director makes)");
  }
  return Done{};
}

bool ignored(const Ignore& ignore, const std::string& field, bool made_by_director) {
  const auto covers = [&](const std::set<std::string, std::less<>>& fields) {
    if (fields.count(field) != 0) return true;
    if (!ends_with(field, ".checksum")) return false;
    return std::any_of(fields.begin(), fields.end(),
                       [&](const std::string& covered) { return sum_covers(field, covered); });
  };
  return covers(ignore.fields) || (made_by_director && covers(ignore.made));
}

bool made_by_director(const Decoded& packet, const Network& network) {
  const std::string* const source = packet.find("ip.src");
  if (source == nullptr) return false;
  const bool local = network.is_local(IpAddress::parse(*source).value_or(IpAddress()));
  const std::string& protocol = *packet.find("ip.protocol");
  const bool tunnel = protocol == "4" || protocol == "41" || protocol == "47" ||
                      packet.find("gue.protocol") != nullptr;
  // What follows a GUE packet's first fragment has nothing that says so.
  const std::string* const offset = packet.find("ip.offset");
  if (protocol == "17" && offset != nullptr && *offset != "0") return local;
  if (tunnel) return local;
  // An ICMP error of ours has the VIP as its source where the VIP is an address of ours, and always
  // the precedence "internetwork control" (RFC 1812 section 4.3.2.5).
  const bool v6 = protocol == "58";
  if ((protocol != "1" && !v6) || packet.find("quoted.ip.src") == nullptr) return false;
  const std::string& tos = *packet.find("ip.tos");
  return local || (!v6 && (starts_with(tos, "0xc") || starts_with(tos, "0xd")));
}

Result<Comparison, Error> Comparison::load(const std::string& file, Ignore ignore,
                                           const std::set<Mac>& macs) {
  auto reader = PcapReader::open(file);
  if (!reader) return Unexpected{reader.error()};
  if (reader->link_type() != LinkType::ethernet && reader->link_type() != LinkType::raw_ip) {
    return fail(file + ": an expectation has Ethernet or raw IP packets");
  }
  Comparison comparison(std::move(ignore));
  comparison.raw_ip_ = reader->link_type() == LinkType::raw_ip;
  for (std::uint64_t number = 1;; ++number) {
    const auto frame = reader->next();
    if (!frame) return Unexpected{frame.error()};
    if (!*frame) return comparison;
    comparison.expect(**frame, number, macs);
  }
}

void Comparison::expect(const CapturedFrame& frame, std::uint64_t number,
                        const std::set<Mac>& macs) {
  if (!raw_ip_) {
    const auto header = lvsd::load<EthernetHeader>(frame.bytes);
    if (!header || !is_ip(*header) || !to_one_machine(*header)) return;
    // A routed packet whose interface nobody knows is written with a zero MAC.
    if (macs.count(header->source) == 0 && header->source != Mac()) return;
  }
  lanes_[lane(frame.bytes, raw_ip_ ? Header::ip : Header::ethernet)].push_back(
      {number, frame.cut(), {frame.bytes.begin(), frame.bytes.end()}});
}

Comparison::Lane Comparison::lane(std::span<const std::byte> packet, Header first) const {
  Lane lane;
  if (!raw_ip_ && !ignore_.covers_mac()) {
    if (const auto header = lvsd::load<EthernetHeader>(packet)) lane.source = header->source;
  }
  if (!ignore_.order) return lane;
  const auto decode = first == Header::ethernet ? decode_frame : decode_packet;
  lane.conversation = conversation_of(decode(packet), ignore_);
  return lane;
}

void Comparison::take(const EmittedFrame& got, const Network& network) {
  if (difference_) return;
  std::deque<Expected>& frames = lanes_[lane(got.frame.bytes, Header::ethernet)];
  std::optional<Difference> difference;
  for (;;) {
    if (frames.empty()) {
      difference_ = Difference{0, got.number, "", "", "", {}, decode_frame(got.frame.bytes)};
      return;
    }
    const Expected expected = std::move(frames.front());
    frames.pop_front();
    if (expected.cut || got.guessed) {
      ++not_compared_;
      return;
    }
    difference = compare(expected, got, network);
    if (!difference || !is_of_stack(expected)) break;
  }
  ++compared_;
  difference_ = std::move(difference);
}

std::optional<Difference> Comparison::compare(const Expected& expected, const EmittedFrame& got,
                                              const Network& network) const {
  const std::span<const std::byte> got_bytes =
      raw_ip_ ? got.frame.bytes.subspan(sizeof(EthernetHeader)) : got.frame.bytes;
  if (std::equal(got_bytes.begin(), got_bytes.end(), expected.bytes.begin(),
                 expected.bytes.end())) {
    return std::nullopt;
  }
  const auto decode = raw_ip_ ? decode_packet : decode_frame;
  Decoded want = decode(expected.bytes), have = decode(got_bytes);
  Ignore ignore = ignore_;
  if (got.routed) ignore.fields.insert({"eth.src", "eth.dst"});
  const bool made = made_by_director(have, network) && made_by_director(want, network);
  const auto mismatch = first_mismatch(want, have, ignore, made);
  if (!mismatch) return std::nullopt;
  return Difference{expected.number, got.number,      mismatch->field, mismatch->expected,
                    mismatch->got,   std::move(want), std::move(have)};
}

void Comparison::leave_to_stack(std::span<const std::byte> packet, const Network& network) {
  if (!ignore_.stack) return;
  const auto view = parse_packet(packet);
  if (!view) return;
  const Tuple& t = view->tuple;
  const Conversation conversation{
      t.protocol, {t.source, t.source_port}, {t.destination, t.destination_port}};
  if (network.is_local(t.destination)) {
    left_to_stack_.insert(conversation);
  } else if (auto onward = comparable(packet, 1)) {
    // As a router passes it on, and not as its conversation: else a lost NAT service would go
    // unnoticed, whose replies are left to the stack, too.
    forwarded_by_stack_.insert(*std::move(onward));
  } else {
    expired_at_stack_.insert(conversation);
  }
}

bool Comparison::is_forwarded_by_stack(const Expected& expected) const {
  if (forwarded_by_stack_.empty()) return false;
  const std::size_t header = raw_ip_ ? 0 : sizeof(EthernetHeader);
  const auto packet = std::span<const std::byte>(expected.bytes).subspan(header);
  const auto as_sent = comparable(packet, 0);
  return as_sent && forwarded_by_stack_.count(*as_sent) != 0;
}

// The other direction of a conversation left to the stack, or an ICMP error about a packet of one.
bool Comparison::is_answer_of_stack(const Expected& expected) const {
  if (left_to_stack_.empty() && expired_at_stack_.empty()) return false;
  const std::size_t header = raw_ip_ ? 0 : sizeof(EthernetHeader);
  const auto view = parse_packet(std::span<const std::byte>(expected.bytes).subspan(header));
  if (!view) return false;
  const Tuple& t = view->tuple;
  if (left_to_stack_.count(
          {t.protocol, {t.destination, t.destination_port}, {t.source, t.source_port}})) {
    return true;
  }
  if (!view->quoted) return false;
  const Tuple& q = view->quoted->tuple;
  const Conversation quoted{
      q.protocol, {q.source, q.source_port}, {q.destination, q.destination_port}};
  return left_to_stack_.count(quoted) != 0 || expired_at_stack_.count(quoted) != 0;
}

void Comparison::skip_answers_of_stack(std::deque<Expected>& frames) const {
  while (!frames.empty() && is_of_stack(frames.front())) frames.pop_front();
}

void Comparison::finish() {
  if (difference_) return;
  const Expected* first = nullptr;
  for (auto& [mac, frames] : lanes_) {
    skip_answers_of_stack(frames);
    if (!frames.empty() && (first == nullptr || frames.front().number < first->number)) {
      first = &frames.front();
    }
  }
  if (first == nullptr) return;
  difference_ = Difference{first->number,
                           0,
                           "",
                           "",
                           "",
                           raw_ip_ ? decode_packet(first->bytes) : decode_frame(first->bytes),
                           {}};
}

}  // namespace lvsd::ctl
