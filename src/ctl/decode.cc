// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/decode.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "lvsd/net/headers.h"

namespace lvsd::ctl {
namespace {

constexpr int kDeepest = 4;  // headers inside headers; hostile bytes must not recurse for ever

constexpr std::array<std::string_view, 50> kFieldNames{"eth.dst",
                                                       "eth.src",
                                                       "eth.type",
                                                       "ip.version",
                                                       "ip.header_length",
                                                       "ip.tos",
                                                       "ip.length",
                                                       "ip.id",
                                                       "ip.flags",
                                                       "ip.offset",
                                                       "ip.ttl",
                                                       "ip.protocol",
                                                       "ip.checksum",
                                                       "ip.src",
                                                       "ip.dst",
                                                       "ip.options",
                                                       "ip.flow_label",
                                                       "ip.next_header",
                                                       "ip.extension",
                                                       "ip.fragment_of",
                                                       "ip.reserved",
                                                       "tcp.src",
                                                       "tcp.dst",
                                                       "tcp.seq",
                                                       "tcp.ack",
                                                       "tcp.header_length",
                                                       "tcp.flags",
                                                       "tcp.window",
                                                       "tcp.checksum",
                                                       "tcp.urgent",
                                                       "tcp.options",
                                                       "udp.src",
                                                       "udp.dst",
                                                       "udp.length",
                                                       "udp.checksum",
                                                       "icmp.type",
                                                       "icmp.code",
                                                       "icmp.checksum",
                                                       "icmp.rest",
                                                       "icmp.mtu",
                                                       "gre.flags",
                                                       "gre.protocol",
                                                       "gre.checksum",
                                                       "gre.reserved",
                                                       "gue.length",
                                                       "gue.protocol",
                                                       "gue.flags",
                                                       "gue.options",
                                                       "data",
                                                       "padding"};

std::string hexadecimal(std::span<const std::byte> bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const std::byte byte : bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    out += kDigits[std::to_integer<unsigned>(byte) >> 4U];
    out += kDigits[std::to_integer<unsigned>(byte) & 0x0fU];
  }
  return out;
}

std::string tcp_flag_names(unsigned flags) {
  constexpr std::array<std::string_view, 8> kNames{"FIN", "SYN", "RST", "PSH",
                                                   "ACK", "URG", "ECE", "CWR"};
  std::string out;
  for (unsigned bit = 0; bit < kNames.size(); ++bit) {
    if ((flags >> bit & 1U) != 0) out += (out.empty() ? "" : ",") + std::string(kNames[bit]);
  }
  return out.empty() ? "none" : out;
}

std::string ip_flag_names(std::uint16_t flags_offset) {
  std::string out;
  if ((flags_offset & 0x8000U) != 0) out += "reserved,";
  if ((flags_offset & Ipv4Header::kDontFragment) != 0) out += "DF,";
  if ((flags_offset & Ipv4Header::kMoreFragments) != 0) out += "MF,";
  if (out.empty()) return "none";
  out.pop_back();
  return out;
}

class Decoder {
 public:
  explicit Decoder(std::span<const std::byte> bytes) : bytes_(bytes) {}
  Decoded take() { return std::move(decoded_); }

  void frame() {
    const auto header = load<EthernetHeader>(bytes_);
    if (!header) return data(0, bytes_.size());
    add("eth.dst", to_string(header->destination));
    add("eth.src", to_string(header->source));
    add("eth.type", fmt::format("0x{:04x}", header->type.host()));
    const std::uint16_t type = header->type.host();
    const bool ip = type == ethertype::kIpv4 || type == ethertype::kIpv6;
    if (!ip) return data(sizeof(EthernetHeader), bytes_.size());
    packet(sizeof(EthernetHeader), bytes_.size(), 0);
  }

  void packet(std::size_t begin, std::size_t end, int depth) {
    if (begin < end && std::to_integer<unsigned>(bytes_[begin]) >> 4U == 6) {
      return packet_v6(begin, end, depth);
    }
    const auto header = load<Ipv4Header>(bytes_.first(end), begin);
    if (!header || header->version() != 4 || depth == kDeepest) return data(begin, end);
    ip_fields(*header);
    const std::size_t header_end = begin + std::max(header->header_length(), sizeof(Ipv4Header));
    if (header_end > end) return data(begin + sizeof(Ipv4Header), end);
    if (header_end > begin + sizeof(Ipv4Header)) {
      add("ip.options", hexadecimal(slice(begin + sizeof(Ipv4Header), header_end)));
    }
    // A total length below the header is nonsense: then everything is the packet.
    const std::size_t said = begin + header->total_length.host();
    const std::size_t packet_end = said < header_end ? end : std::min(said, end);
    transport({header->protocol, header->fragment_offset() == 0, header->more_fragments(), depth},
              header_end, packet_end);
    if (packet_end < end) add("padding", hexadecimal(slice(packet_end, end)));
  }

 private:
  // What the IP layer says of the bytes behind it.
  struct Content {
    std::uint8_t protocol;
    bool first;  // of its fragments, or no fragment
    bool more;   // fragments follow
    int depth;
  };

  void packet_v6(std::size_t begin, std::size_t end, int depth) {
    const auto header = load<Ipv6Header>(bytes_.first(end), begin);
    if (!header || depth == kDeepest) return data(begin, end);
    add("ip.version", "6");
    add("ip.tos", fmt::format("0x{:02x}", header->traffic_class()));
    add("ip.flow_label", fmt::format("0x{:05x}", header->flow_label()));
    add("ip.length", std::to_string(sizeof(Ipv6Header) + header->payload_length.host()));
    add("ip.next_header", std::to_string(header->next_header));
    add("ip.ttl", std::to_string(header->hop_limit));
    add("ip.src", to_string(header->source));
    add("ip.dst", to_string(header->destination));
    const std::size_t headers_end = begin + sizeof(Ipv6Header);
    const std::size_t packet_end = std::min(headers_end + header->payload_length.host(), end);
    extensions({header->next_header, true, false, depth}, headers_end, packet_end);
    if (packet_end < end) add("padding", hexadecimal(slice(packet_end, end)));
  }

  // Each as hexadecimal, what it is followed by first; the fragment header field by field.
  void extensions(Content content, std::size_t begin, std::size_t end) {
    constexpr std::uint8_t kHopByHop = 0, kRouting = 43, kFragment = 44, kAuthentication = 51;
    constexpr std::uint8_t kDestinationOptions = 60;
    while (content.first && end - begin >= 8) {
      const auto length = std::to_integer<std::size_t>(bytes_[begin + 1]);
      std::size_t size = 0;
      if (content.protocol == kFragment) {
        const auto fragment = *load<Ipv6FragmentHeader>(bytes_, begin);
        fragment_fields(fragment);
        content.first = fragment.fragment_offset() == 0;
        content.more = fragment.more_fragments();
        size = sizeof(Ipv6FragmentHeader);
      } else if (content.protocol == kAuthentication) {
        size = (length + 2) * 4;
      } else if (content.protocol == kHopByHop || content.protocol == kRouting ||
                 content.protocol == kDestinationOptions) {
        size = (length + 1) * 8;
      }
      if (size == 0 || size > end - begin) break;
      if (content.protocol != kFragment)
        add("ip.extension", hexadecimal(slice(begin, begin + size)));
      content.protocol = std::to_integer<std::uint8_t>(bytes_[begin]);
      begin += size;
    }
    add("ip.protocol", std::to_string(content.protocol));
    transport(content, begin, end);
  }

  void fragment_fields(const Ipv6FragmentHeader& header) {
    add("ip.fragment_of", std::to_string(header.next_header));
    add("ip.id", std::to_string(header.id.host()));
    add("ip.flags", header.more_fragments() ? "MF" : "none");
    add("ip.offset", std::to_string(header.fragment_offset()));
    const unsigned reserved = unsigned{header.reserved} << 8U | (header.offset_more.host() & 6U);
    if (reserved != 0) add("ip.reserved", fmt::format("0x{:04x}", reserved));
  }

  std::span<const std::byte> slice(std::size_t begin, std::size_t end) const {
    return bytes_.subspan(begin, end - begin);
  }
  void add(std::string_view name, std::string value) {
    decoded_.fields.push_back({prefix_ + std::string(name), std::move(value)});
  }
  void data(std::size_t begin, std::size_t end) {
    if (begin < end) add("data", hexadecimal(slice(begin, end)));
  }

  void ip_fields(const Ipv4Header& header) {
    add("ip.version", "4");
    add("ip.header_length", std::to_string(header.header_length()));
    add("ip.tos", fmt::format("0x{:02x}", header.tos));
    add("ip.length", std::to_string(header.total_length.host()));
    add("ip.id", std::to_string(header.id.host()));
    add("ip.flags", ip_flag_names(header.flags_offset.host()));
    add("ip.offset", std::to_string(header.fragment_offset()));
    add("ip.ttl", std::to_string(header.ttl));
    add("ip.protocol", std::to_string(header.protocol));
    add("ip.checksum", fmt::format("0x{:04x}", header.checksum.host()));
    add("ip.src", to_string(header.source));
    add("ip.dst", to_string(header.destination));
  }

  void transport(const Content& content, std::size_t begin, std::size_t end) {
    if (!content.first) return data(begin, end);
    switch (static_cast<IpProtocol>(content.protocol)) {
      case IpProtocol::tcp:
        return tcp(begin, end);
      case IpProtocol::udp:
        return udp(begin, end, content);
      case IpProtocol::icmp:
        return icmp_message(begin, end, content.depth, icmp::quotes);
      case IpProtocol::icmpv6:
        return icmp_message(begin, end, content.depth, icmpv6::is_error);
      case IpProtocol::ipip:
      case IpProtocol::ipv6:
        return nested("inner.", begin, end, content.depth);
      case IpProtocol::gre:
        return gre(begin, end, content.depth);
      case IpProtocol::esp:
      case IpProtocol::ah:
      case IpProtocol::sctp:
        break;
    }
    data(begin, end);
  }

  void nested(std::string_view prefix, std::size_t begin, std::size_t end, int depth) {
    const std::size_t length = prefix_.size();
    prefix_ += prefix;
    packet(begin, end, depth + 1);
    prefix_.resize(length);
  }

  void tcp(std::size_t begin, std::size_t end) {
    const auto header = load<TcpHeader>(bytes_.first(end), begin);
    if (!header) return short_tcp(begin, end);
    add("tcp.src", to_string(Port(header->source)));
    add("tcp.dst", to_string(Port(header->destination)));
    add("tcp.seq", std::to_string(header->sequence.host()));
    add("tcp.ack", std::to_string(header->acknowledgment.host()));
    // The reserved bits beside the length are shown with it, where anybody set them.
    const unsigned reserved = header->data_offset & 0x0fU;
    add("tcp.header_length", std::to_string(header->header_length()) +
                                 (reserved == 0 ? "" : fmt::format(" reserved 0x{:x}", reserved)));
    add("tcp.flags", tcp_flag_names(header->flags));
    add("tcp.window", std::to_string(header->window.host()));
    add("tcp.checksum", fmt::format("0x{:04x}", header->checksum.host()));
    add("tcp.urgent", std::to_string(header->urgent.host()));
    const std::size_t fixed = begin + sizeof(TcpHeader);
    const std::size_t options_end = std::clamp(begin + header->header_length(), fixed, end);
    if (options_end > fixed) add("tcp.options", hexadecimal(slice(fixed, options_end)));
    data(options_end, end);
  }

  // The 8 bytes of a TCP header that an ICMP error has to quote (RFC 792).
  void short_tcp(std::size_t begin, std::size_t end) {
    const auto ports = load<UdpHeader>(bytes_.first(end), begin);
    if (!ports) return data(begin, end);
    add("tcp.src", to_string(Port(ports->source)));
    add("tcp.dst", to_string(Port(ports->destination)));
    add("tcp.seq", std::to_string(load<Be32>(bytes_, begin + 4).value().host()));
    data(begin + sizeof(UdpHeader), end);
  }

  void udp(std::size_t begin, std::size_t end, const Content& content) {
    const auto header = load<UdpHeader>(bytes_.first(end), begin);
    if (!header) return data(begin, end);
    add("udp.src", to_string(Port(header->source)));
    add("udp.dst", to_string(Port(header->destination)));
    add("udp.length", std::to_string(header->length.host()));
    add("udp.checksum", fmt::format("0x{:04x}", header->checksum.host()));
    const std::size_t payload = begin + sizeof(UdpHeader);
    if (is_gue(payload, end, content.more)) return gue(payload, end, content.depth);
    data(payload, end);
  }

  // No port says that it is GUE, so everything else has to: a header as IPVS writes it, and a
  // packet of just the right length, or a longer one where more fragments follow.
  bool is_gue(std::size_t begin, std::size_t end, bool more) const {
    const auto header = load<GueHeader>(bytes_.first(end), begin);
    if (!header || header->version_length > 0x1f) return false;
    const std::size_t inner = begin + sizeof(GueHeader) + std::size_t{4} * header->version_length;
    const auto fits = [&](std::size_t length) {
      return more ? length > end - inner : length == end - inner;
    };
    if (header->protocol == static_cast<std::uint8_t>(IpProtocol::ipip)) {
      const auto ip = load<Ipv4Header>(bytes_.first(end), inner);
      return ip && ip->version() == 4 && fits(ip->total_length.host());
    }
    if (header->protocol != static_cast<std::uint8_t>(IpProtocol::ipv6)) return false;
    const auto ip = load<Ipv6Header>(bytes_.first(end), inner);
    return ip && ip->version() == 6 && fits(sizeof(Ipv6Header) + ip->payload_length.host());
  }

  void gue(std::size_t begin, std::size_t end, int depth) {
    const GueHeader header = *load<GueHeader>(bytes_, begin);
    add("gue.length", std::to_string(header.version_length));
    add("gue.protocol", std::to_string(header.protocol));
    add("gue.flags", fmt::format("0x{:04x}", header.flags.host()));
    const std::size_t options = begin + sizeof(GueHeader);
    const std::size_t inner = options + std::size_t{4} * header.version_length;
    if (inner > options) add("gue.options", hexadecimal(slice(options, inner)));
    nested("inner.", inner, end, depth);
  }

  void gre(std::size_t begin, std::size_t end, int depth) {
    const auto header = load<GreHeader>(bytes_.first(end), begin);
    if (!header) return data(begin, end);
    std::size_t payload = begin + sizeof(GreHeader);
    add("gre.flags", fmt::format("0x{:04x}", header->flags_version.host()));
    add("gre.protocol", fmt::format("0x{:04x}", header->protocol.host()));
    if (header->flags_version.host() == GreHeader::kChecksumPresent) {
      const auto checksum = load<GreChecksum>(bytes_.first(end), payload);
      if (!checksum) return data(payload, end);
      add("gre.checksum", fmt::format("0x{:04x}", checksum->checksum.host()));
      add("gre.reserved", fmt::format("0x{:04x}", checksum->reserved.host()));
      payload += sizeof(GreChecksum);
    } else if (header->flags_version.host() != 0) {
      return data(payload, end);
    }
    const std::uint16_t type = header->protocol.host();
    if (type != ethertype::kIpv4 && type != ethertype::kIpv6) return data(payload, end);
    nested("inner.", payload, end, depth);
  }

  void icmp_message(std::size_t begin, std::size_t end, int depth, bool (*is_error)(std::uint8_t)) {
    const auto header = load<IcmpHeader>(bytes_.first(end), begin);
    if (!header) return data(begin, end);
    add("icmp.type", std::to_string(header->type));
    add("icmp.code", std::to_string(header->code));
    add("icmp.checksum", fmt::format("0x{:04x}", header->checksum.host()));
    add("icmp.rest", fmt::format("0x{:04x}", header->unused.host()));
    add("icmp.mtu", std::to_string(header->next_hop_mtu.host()));
    const std::size_t payload = begin + sizeof(IcmpHeader);
    if (!is_error(header->type)) return data(payload, end);
    nested("quoted.", payload, end, depth);
  }

  std::span<const std::byte> bytes_;
  std::string prefix_;
  Decoded decoded_;
};

}  // namespace

const std::string* Decoded::find(std::string_view name) const {
  const auto it = std::find_if(fields.begin(), fields.end(),
                               [name](const Field& field) { return field.name == name; });
  return it == fields.end() ? nullptr : &it->value;
}

Decoded decode_frame(std::span<const std::byte> frame) {
  Decoder decoder(frame);
  decoder.frame();
  return decoder.take();
}

Decoded decode_packet(std::span<const std::byte> packet) {
  Decoder decoder(packet);
  decoder.packet(0, packet.size(), 0);
  return decoder.take();
}

bool is_field_name(std::string_view name) {
  for (const std::string_view prefix : {"inner.", "quoted."}) {
    while (name.substr(0, prefix.size()) == prefix) name.remove_prefix(prefix.size());
  }
  return std::find(kFieldNames.begin(), kFieldNames.end(), name) != kFieldNames.end();
}

}  // namespace lvsd::ctl
