#include "fuzz/coverage.h"

#include <array>
#include <atomic>
#include <cstdint>

namespace {

std::array<std::atomic<unsigned char>, 1U << 18> reached;
std::atomic<std::size_t> count{0};

}  // namespace

// Called by code that was compiled with -fsanitize-coverage=trace-pc, from every thread.
extern "C" void __sanitizer_cov_trace_pc() {
  const auto place = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0));
  std::atomic<unsigned char>& cell = reached[(place ^ (place >> 18)) % reached.size()];
  if (cell.load(std::memory_order_relaxed) == 0 && cell.exchange(1) == 0) count++;
}

std::size_t loratwin::test::placesReached() { return count; }
