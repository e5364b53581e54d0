// SPDX-License-Identifier: GPL-2.0-or-later
// The keys of a service that say how its destinations are checked, and what follows from it.
#pragma once

#include <optional>
#include <string>

#include "lvsd/config/fields.h"
#include "lvsd/model/health.h"

namespace lvsd {

// `health` of a service or a destination: "off", a type ("tcp"), or a mapping whose keys change
// what `health` is before: the defaults, or the service's own check.
void read_health(const Item& item, std::optional<Health>& health);
// The probe's keys of it, in a file of their own.
void read_probe(const Mapping& map, Probe& probe);
bool fits(CheckType type, std::string_view key);  // whether a check of this type heeds the key

// A check alone, as show_check() writes it.
std::optional<Health> parse_check(std::string_view text);

// What the service says but for its sorry server, which is read like a destination.
ServiceHealth read_service_health(const Mapping& map);
// What goes together, once the whole service is read.
void judge_health(const Mapping& map, const ServiceHealth& health, const VirtualService& service);

std::vector<std::string> read_command(const Item& item);  // [/usr/local/bin/check, -v]

// "\r\n" and "\x00" in a probe's text stand for the bytes that a file cannot hold.
std::optional<std::string> unescape(std::string_view text);
std::string escape(std::string_view bytes);
std::optional<std::string> read_bytes(const Item& item);  // text with such, of at most 1024 bytes

// As keys of a service in the file, each line indented by `indent`; empty where there is nothing.
std::string show_health(const ServiceHealth& health, std::string_view indent);
std::string show_check(const Health& health);  // {type: tcp, ...}

}  // namespace lvsd
