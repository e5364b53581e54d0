// SPDX-License-Identifier: GPL-2.0-or-later
// What grows with the configuration and that packets hardly ever change: a dry run's copy of a
// director (dry_run.cc) has the same one, until either of them does. Both are the same thread's.
#pragma once

#include <memory>

namespace lvsd {

template <class T>
class CopyOnWrite {
 public:
  const T& operator*() const { return *value_; }
  const T* operator->() const { return value_.get(); }
  T& edit() {
    if (value_.use_count() > 1) value_ = std::make_shared<T>(*value_);
    return *value_;
  }

 private:
  std::shared_ptr<T> value_ = std::make_shared<T>();
};

}  // namespace lvsd
