#include "runtime/cpu/row_windows.h"

#include "ops/lora.h"

namespace loratwin {

namespace {

// Fewer rows would read the weights too often, more would leave the second-level caches.
constexpr std::int32_t kRowsOfThread = 2 * ops::kLoraRowBlock;

}  // namespace

void rowWindows(const Bindings& bindings, int threads, std::vector<RowWindow>& windows) {
  const std::int32_t rows = kRowsOfThread * threads;
  windows.clear();
  std::int32_t first = 0;
  const auto cut = [&](std::int32_t row) {
    if (row > first) windows.push_back({first, row});
    first = row;
  };
  for (const RunSegment& segment : bindings.segments) {
    if (segment.rowEnd - first > rows) cut(segment.rowStart);
    while (segment.rowEnd - first > rows + rows / 2) cut(first + rows);
  }
  cut(bindings.rows);
}

}  // namespace loratwin
