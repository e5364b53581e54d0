// SPDX-License-Identifier: GPL-2.0-or-later
// The FTP helper: control connections are read, the data connections that they announce are
// entered in the table, and a server's address in an answer becomes the virtual one.
//
// Other than in the kernel, only the two ends of the control connection can be announced. A client
// that names another host in PORT, or a server in its answer, is passed on unchanged, and no
// connection is made: the director is no tool for the bounce attack (RFC 2577).
#include "lvsd/director/tcp_state.h"
#include "state.h"

namespace lvsd {
namespace {

std::string text_of(const Passage& passage) {
  const auto bytes = passage.packet.bytes().subspan(passage.view.payload_offset);
  std::string out(bytes.size(), '\0');
  std::transform(bytes.begin(), bytes.end(), out.begin(),
                 [](std::byte byte) { return static_cast<char>(byte); });
  return out;
}

bool is_damaged(const Passage& passage) {
  return !passage.view.more_fragments && !tcp_checksum_ok(passage.packet.bytes(), passage.view);
}

// Only an established connection is read (reference 7.1), and only whole segments.
bool is_readable(const Passage& passage, const Connection& connection) {
  return static_cast<TcpState>(connection.state) == TcpState::established &&
         !passage.view.more_fragments && passage.view.payload_offset < passage.view.total_length;
}

Port below(Port port) { return Port(static_cast<std::uint16_t>(port.host() - 1)); }

std::uint32_t sequence_of(const Passage& passage) {
  const auto tcp = load<TcpHeader>(passage.packet.bytes(), passage.view.transport_offset);
  return tcp ? tcp->sequence.host() : 0;
}

}  // namespace

void Director::State::bind_helper(Connection& connection, const Service& service) const {
  const Port port = service.key.listen.port == Port() ? kFtp : service.key.listen.port;
  if (service.helper == Helper::ftp && connection.is_masquerade() &&
      connection.protocol == static_cast<std::uint8_t>(IpProtocol::tcp) &&
      connection.virtual_port == port) {
    connection.flags |= Connection::kFtp;
  }
}

std::optional<Verdict> Director::State::ftp_request(const Passage& passage, ConnectionId id) {
  if (is_damaged(passage)) return drop(DropReason::bad_tcp_checksum);
  const Connection& connection = connections[id];
  if (is_readable(passage, connection)) {
    const auto command = read_ftp_command(text_of(passage), connection.client.is_v4());
    if (command && command->mode != FtpMode::active) {
      ftp_controls[id].waiting = command->mode;
    } else if (command && command->client.address == connection.client) {
      expect_data(id,
                  {command->client.port, below(connection.virtual_port),
                   below(connection.destination_port)},
                  passage.now);
    }
  }
  const auto control = ftp_controls.find(id);
  if (control != ftp_controls.end() && !control->second.shift.none()) {
    shift_acknowledgment(passage.packet.bytes(), passage.view, control->second.shift);
  }
  return std::nullopt;
}

Verdict Director::State::ftp_reply(const Passage& passage, ConnectionId id) {
  if (is_damaged(passage)) return drop(DropReason::bad_tcp_checksum);
  const auto found = ftp_controls.find(id);
  if (found == ftp_controls.end()) return nat_reply(passage, id);
  FtpControl& control = found->second;
  if (is_readable(passage, connections[id])) {
    const std::string text = text_of(passage);
    const auto answer = read_answer(text, control, connections[id], sequence_of(passage));
    if (answer && control.waiting != FtpMode::active) {
      if (!expect_data(id, {Port(), answer->port, answer->port}, passage.now)) {
        return drop(DropReason::connection_table_full);  // the server will send it again
      }
      const auto begin = static_cast<std::uint32_t>(answer->begin);
      control.answered = {control.waiting, sequence_of(passage) + begin};
      control.waiting = FtpMode::active;
    }
    if (answer) return rewrite_answer(passage, id, control, *answer);
  }
  if (!control.shift.none()) shift_sequence(passage.packet.bytes(), passage.view, control.shift);
  return nat_reply(passage, id);
}

// The answer that is due, or the latest one again. One that names another host is none of ours.
std::optional<FtpAnswer> Director::State::read_answer(std::string_view text,
                                                      const FtpControl& control,
                                                      const Connection& connection,
                                                      std::uint32_t sequence) const {
  const bool due = control.waiting != FtpMode::active;
  if (!due && !control.answered) return std::nullopt;
  const FtpMode mode = due ? control.waiting : control.answered->mode;
  const auto answer = read_ftp_answer(text, mode, connection.client.is_v4());
  if (!answer) return std::nullopt;
  const std::uint32_t position = sequence + static_cast<std::uint32_t>(answer->begin);
  if (!due && position != control.answered->position) return std::nullopt;
  const IpAddress& server = destinations[connection.destination].config.endpoint.address;
  const bool ours = !answer->address || *answer->address == server ||
                    *answer->address == connection.virtual_address ||
                    answer->address->is_unspecified();
  return ours ? answer : std::nullopt;
}

// Sends a segment on with the virtual address in place of the server's.
Verdict Director::State::rewrite_answer(const Passage& passage, ConnectionId id,
                                        FtpControl& control, const FtpAnswer& answer) {
  const Endpoint endpoint{connections[id].virtual_address, answer.port};
  const std::string text = ftp_answer_text(control.answered->mode, endpoint);
  const PayloadChange change{answer.begin, answer.end, text};
  const std::size_t size = size_with(passage.view, change);
  constexpr std::size_t kLargest = 65535;
  if (size > kLargest) return drop(DropReason::fragmentation_needed);  // it has no room to grow
  const std::span<std::byte> storage = passage.out.allocate(kPacketHeadroom + size);
  write_with(passage.packet.bytes(), passage.view, change, storage.subspan(kPacketHeadroom));
  passage.packet = PacketBuffer(storage, kPacketHeadroom, size);
  const Result<PacketView, Malformed> view = parse_packet(passage.packet.bytes());
  if (!view) return drop(drop_reason(view.error()));
  control.shift.record(control.answered->position,
                       static_cast<std::int32_t>(text.size()) -
                           static_cast<std::int32_t>(answer.end - answer.begin));
  if (!control.shift.none()) shift_sequence(passage.packet.bytes(), *view, control.shift);
  return nat_reply({passage.packet, *view, passage.now, passage.out}, id);
}

// Enters a data connection, or starts one anew that is there already; nothing where the table is
// full. It keeps its control connection from timing out (reference 7.4).
std::optional<ConnectionId> Director::State::expect_data(ConnectionId control,
                                                         const DataEndpoints& ends, TimePoint now) {
  const Connection& announced = connections[control];
  Connection data;
  data.client = announced.client;
  data.client_port = ends.client;
  data.virtual_address = announced.virtual_address;
  data.virtual_port = ends.virtual_port;
  data.destination_port = ends.destination;
  data.protocol = announced.protocol;
  data.destination = announced.destination;
  data.flags = Connection::kMasquerade | Connection::kInactive;
  if (ends.client == Port()) data.flags |= Connection::kNoClientPort;
  data.state = static_cast<std::uint8_t>(TcpState::listen);
  data.expires = now + timeout_of(TcpState::listen, timeouts);
  auto id = connections.find_by_client(
      data.protocol, data.client, data.client_port, now, [&](const Connection& entry) {
        return !entry.is_template() && entry.virtual_port == data.virtual_port &&
               entry.virtual_address == data.virtual_address &&
               entry.destination == data.destination &&
               entry.destination_port == data.destination_port;
      });
  if (!id) id = insert(data, control, now);
  if (!id) return std::nullopt;
  enter_state(*id, data.state, false);
  restart(*id, timeout_of(TcpState::listen, timeouts), now);
  return id;
}

}  // namespace lvsd
