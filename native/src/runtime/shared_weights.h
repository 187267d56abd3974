// Frozen weights that devices of one memory hold once.
#pragma once

#include <map>
#include <memory>
#include <string>

namespace loratwin {

// What devices have loaded by key, as long as the one that loaded it holds it. A key says what it is of, which memory
// it lies in, and the format that it is kept in. JavaScript's thread only.
class SharedWeights {
 public:
  // Null where nothing is held under the key.
  template <class Item>
  std::shared_ptr<const Item> find(const std::string& key) const {
    const auto found = items_.find(key);
    return found == items_.end() ? nullptr : std::static_pointer_cast<const Item>(found->second.lock());
  }
  template <class Item>
  void add(const std::string& key, const std::shared_ptr<const Item>& item) {
    items_[key] = item;
  }

 private:
  std::map<std::string, std::weak_ptr<const void>> items_;
};

}  // namespace loratwin
