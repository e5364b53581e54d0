// SPDX-License-Identifier: GPL-2.0-or-later
// Two packets that should be one: says which field differs, and shows both as hexdump.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <span>
#include <string>

namespace lvsd::test {

// "ip.ttl", "tcp.checksum", "icmp.quoted.ip.destination", "udp.payload+3": what lies at `offset`.
std::string field_at(std::span<const std::byte> packet, std::size_t offset);

std::string hexdump(std::span<const std::byte> bytes);

// Empty where they are equal, else the report.
std::string packet_diff(std::span<const std::byte> expected, std::span<const std::byte> actual);

// EXPECT_TRUE(same_packet(expected, actual)) prints the report.
testing::AssertionResult same_packet(std::span<const std::byte> expected,
                                     std::span<const std::byte> actual);

}  // namespace lvsd::test
