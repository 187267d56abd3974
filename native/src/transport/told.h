// What a task tells the runtime of another rank when it has ended: that its event has come true, and what it left in
// norm cells.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace loratwin {

struct Told {
  std::int64_t event = 0;
  // How often the event has been renewed there by then: what comes too early waits for that.
  std::int64_t generation = 0;
  std::vector<std::pair<std::int64_t, double>> cells;
};

}  // namespace loratwin
