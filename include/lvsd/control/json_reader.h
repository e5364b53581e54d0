// SPDX-License-Identifier: GPL-2.0-or-later
// What decodes JSON that another program, or an earlier run, wrote: at() and get() throw
// json::exception on a missing key and on a wrong type, these on a wrong value; whoever decodes
// catches both in one place.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "lvsd/model/service.h"

namespace lvsd {

[[noreturn]] inline void refuse_json(const std::string& what) {
  throw nlohmann::json::other_error::create(501, what, nullptr);
}

template <class T>
T number(const nlohmann::json& object, const char* key) {
  const nlohmann::json& value = object.at(key);
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > std::numeric_limits<T>::max()) {
    refuse_json(std::string(key) + " is not a number in range");
  }
  return value.get<T>();
}

template <class T>
T known(std::optional<T> value, const char* what) {
  if (!value) refuse_json(std::string("unknown ") + what);
  return *std::move(value);
}

inline Endpoint endpoint_of(const nlohmann::json& object, const char* address = "address",
                            const char* port = "port") {
  return {known(IpAddress::parse(object.at(address).get<std::string>()), "address"),
          Port(number<std::uint16_t>(object, port))};
}

}  // namespace lvsd
