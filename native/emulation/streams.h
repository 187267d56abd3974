// A stream of the emulation: it does what it is given at once, on the giver's thread, or notes it while it is captured.
// What takes until another process has done its part is under way instead, and what comes next waits for that.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace loratwin::emulation {

class UnderWay {
 public:
  void end();
  // When it has ended.
  std::int64_t wait() const;

 private:
  std::atomic<std::int64_t> endNs_{0};
  std::atomic<bool> ended_{false};
};
using AllUnderWay = std::vector<std::shared_ptr<const UnderWay>>;

struct Stream {
  int device;
  bool capturing = false;
  bool broken = false;  // was asked, while captured, for what a graph cannot hold
  std::vector<std::function<void()>> noted;
  AllUnderWay underWay = {};

  void wait();
};

// body(): now, or whenever the graph is launched. A null stream is never captured.
template <class Body>
void give(void* stream, Body body) {
  auto* const to = static_cast<Stream*>(stream);
  if (to == nullptr || !to->capturing) {
    if (to != nullptr) to->wait();
    body();
  } else {
    to->noted.emplace_back(std::move(body));
  }
}

}  // namespace loratwin::emulation
