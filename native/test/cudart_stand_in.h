// A stand-in for the CUDA runtime, for tests: two GPUs without cores. It notes the calls that it gets, in order, and
// does with memory, streams, captures and graphs what the CUDA Runtime API's reference says; a kernel is noted and not
// run.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace loratwin::test {

// Since the program began, by CUDA's names; a kernel's launch is "launch NAME".
inline std::vector<std::string> calls;
// CUDA_DEVICE_MAX_CONNECTIONS when the first call came; "" when it was not set.
inline std::string connectionsAtFirstCall;

constexpr std::size_t kTotalBytes = std::size_t{1} << 30;
// Of a device's memory, for each node of a graph, when it is uploaded, or else launched first.
constexpr std::size_t kNodeBytes = 64 * 1024;

}  // namespace loratwin::test
