// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/decode.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "lvsd/net/headers.h"

namespace lvsd::ctl {
namespace {

constexpr int kDeepest = 4;  // headers inside headers; hostile bytes must not recurse for ever

constexpr std::array<std::string_view, 37> kFieldNames{"eth.dst",
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
    if (header->type.host() != ethertype::kIpv4) return data(sizeof(EthernetHeader), bytes_.size());
    packet(sizeof(EthernetHeader), bytes_.size(), 0);
  }

  void packet(std::size_t begin, std::size_t end, int depth) {
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
    transport(*header, header_end, packet_end, depth);
    if (packet_end < end) add("padding", hexadecimal(slice(packet_end, end)));
  }

 private:
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

  void transport(const Ipv4Header& ip, std::size_t begin, std::size_t end, int depth) {
    if (ip.fragment_offset() != 0) return data(begin, end);
    switch (static_cast<IpProtocol>(ip.protocol)) {
      case IpProtocol::tcp:
        return tcp(begin, end);
      case IpProtocol::udp:
        return udp(begin, end);
      case IpProtocol::icmp:
        return icmp_message(begin, end, depth);
      case IpProtocol::ipip:
        return nested("inner.", begin, end, depth);
      case IpProtocol::gre:
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

  void udp(std::size_t begin, std::size_t end) {
    const auto header = load<UdpHeader>(bytes_.first(end), begin);
    if (!header) return data(begin, end);
    add("udp.src", to_string(Port(header->source)));
    add("udp.dst", to_string(Port(header->destination)));
    add("udp.length", std::to_string(header->length.host()));
    add("udp.checksum", fmt::format("0x{:04x}", header->checksum.host()));
    data(begin + sizeof(UdpHeader), end);
  }

  void icmp_message(std::size_t begin, std::size_t end, int depth) {
    const auto header = load<IcmpHeader>(bytes_.first(end), begin);
    if (!header) return data(begin, end);
    add("icmp.type", std::to_string(header->type));
    add("icmp.code", std::to_string(header->code));
    add("icmp.checksum", fmt::format("0x{:04x}", header->checksum.host()));
    add("icmp.rest", fmt::format("0x{:04x}", header->unused.host()));
    add("icmp.mtu", std::to_string(header->next_hop_mtu.host()));
    const std::size_t payload = begin + sizeof(IcmpHeader);
    if (!icmp::is_error(header->type)) return data(payload, end);
    nested("quoted.", payload, end, depth);
  }

  std::span<const std::byte> bytes_;
  std::string prefix_;
  Decoded decoded_;
};

// "10.1.0.1:4000 > 10.0.2.11:8080 tcp SYN ttl 63 length 40" of the packet behind `prefix`.
std::string describe_level(const Decoded& decoded, const std::string& prefix) {
  const auto get = [&](std::string_view name) { return decoded.find(prefix + std::string(name)); };
  const std::string* const source = get("ip.src");
  if (source == nullptr) return "unreadable";
  std::string from = *source, to = *get("ip.dst"), protocol = "protocol " + *get("ip.protocol");
  for (const std::string name : {"tcp", "udp"}) {
    if (const std::string* port = get(name + ".src")) {
      from += ":" + *port;
      to += ":" + *get(name + ".dst");
      protocol = name;
    }
  }
  if (const std::string* flags = get("tcp.flags")) protocol += " " + *flags;
  if (const std::string* type = get("icmp.type")) {
    protocol = "icmp " + *type + "/" + *get("icmp.code");
    if (*type == "3" && *get("icmp.code") == "4") protocol += " mtu " + *get("icmp.mtu");
  } else if (*get("ip.protocol") == "4") {
    protocol = "ipip";
  }
  const bool fragment =
      *get("ip.offset") != "0" || get("ip.flags")->find("MF") != std::string::npos;
  std::string out = fmt::format("{} > {} {}{} ttl {} length {}", from, to, protocol,
                                fragment ? " fragment " + *get("ip.offset") : "", *get("ip.ttl"),
                                *get("ip.length"));
  for (const std::string next : {"inner.", "quoted."}) {
    if (get(next + "ip.src") != nullptr) out += " [" + describe_level(decoded, prefix + next) + "]";
  }
  return out;
}

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

std::string describe(const Decoded& decoded) { return describe_level(decoded, ""); }

bool is_field_name(std::string_view name) {
  for (const std::string_view prefix : {"inner.", "quoted."}) {
    while (name.substr(0, prefix.size()) == prefix) name.remove_prefix(prefix.size());
  }
  return std::find(kFieldNames.begin(), kFieldNames.end(), name) != kFieldNames.end();
}

}  // namespace lvsd::ctl
