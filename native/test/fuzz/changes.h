// Changes of recorded calls: what the fuzzer's inputs are made of.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "replay/recording.h"

namespace loratwin::test {

// One value of one call, or the call itself, replaced.
struct Change {
  std::uint32_t call;
  // Counted through the call's values in order, modulo their number; 0 is the call.
  std::uint32_t place;
  // What to do with it: see changes.cc.
  std::uint32_t how;
  std::uint32_t index;
};
using Input = std::vector<Change>;

Change randomChange(std::mt19937_64& random, std::size_t calls);
// The calls that the input's changes concern, changed; a call may come not at all or twice.
std::vector<Call> changed(const Call& call, std::uint32_t index, const Input& input);

}  // namespace loratwin::test
