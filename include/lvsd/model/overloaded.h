// SPDX-License-Identifier: GPL-2.0-or-later
// One lambda per alternative, for std::visit.
#pragma once

namespace lvsd {

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

}  // namespace lvsd
