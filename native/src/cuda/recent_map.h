// The values of the keys that were asked for last, at most so many.
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <utility>

namespace loratwin::cuda {

template <class Key, class Value>
class RecentMap {
 public:
  explicit RecentMap(std::size_t most) : most_(most) {}

  // The key's value, made when it is not there; then the one that nobody has asked for the longest goes. Valid until
  // the next call.
  template <class Make>
  Value& get(const Key& key, Make&& make) {
    const auto found = places_.find(key);
    if (found != places_.end()) {
      values_.splice(values_.begin(), values_, found->second);
      return values_.front().second;
    }
    if (values_.size() >= most_) {
      places_.erase(values_.back().first);
      values_.pop_back();
    }
    values_.emplace_front(key, make());
    places_.emplace(key, values_.begin());
    return values_.front().second;
  }
  void clear() {
    places_.clear();
    values_.clear();
  }

 private:
  const std::size_t most_;
  std::list<std::pair<const Key, Value>> values_;  // asked for last: first
  std::map<Key, typename std::list<std::pair<const Key, Value>>::iterator> places_;
};

}  // namespace loratwin::cuda
