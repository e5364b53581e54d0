// SPDX-License-Identifier: GPL-2.0-or-later
// std::expected's shape for C++20: a value or an error, and the caller has to look.
#pragma once

#include <cstdlib>
#include <string>
#include <utility>
#include <variant>

namespace lvsd {

// For our own bugs, in every build. Input never asserts: it gets a Result.
#define LVSD_ASSERT(condition) ((condition) ? static_cast<void>(0) : ::std::abort())

template <class E>
struct Unexpected {
  E error;
};
template <class E>
Unexpected(E) -> Unexpected<E>;

template <class T, class E>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: as std::expected
  Result(Unexpected<E> failure)                                          // NOLINT: as std::expected
      : state_(std::in_place_index<1>, std::move(failure.error)) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return *std::get_if<0>(&state_); }
  const T& operator*() const& { return *std::get_if<0>(&state_); }
  T* operator->() { return std::get_if<0>(&state_); }
  const T* operator->() const { return std::get_if<0>(&state_); }
  const E& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, E> state_;
};

// The control path's error: one sentence, context added on the way up, printed once at the edge.
struct Error {
  std::string message;
};

struct Done {};  // the value of an operation that has none
using Status = Result<Done, Error>;

inline Unexpected<Error> fail(std::string message) { return {Error{std::move(message)}}; }

}  // namespace lvsd
