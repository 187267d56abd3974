// A stream of the emulation: it does what it is given at once, on the giver's thread, or notes it while it is captured.
#pragma once

#include <functional>
#include <utility>
#include <vector>

namespace loratwin::emulation {

struct Stream {
  int device;
  bool capturing = false;
  bool broken = false;  // was asked, while captured, for what a graph cannot hold
  std::vector<std::function<void()>> noted;
};

// body(): now, or whenever the graph is launched. A null stream is never captured.
template <class Body>
void give(void* stream, Body body) {
  auto* const to = static_cast<Stream*>(stream);
  if (to == nullptr || !to->capturing) {
    body();
  } else {
    to->noted.emplace_back(std::move(body));
  }
}

}  // namespace loratwin::emulation
