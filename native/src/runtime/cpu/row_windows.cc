#include "runtime/cpu/row_windows.h"

#include <algorithm>
#include <cstdlib>

#include "ops/lora.h"

namespace loratwin {

namespace {

// Fewer would read the weights too often.
constexpr std::int64_t kRowsOfThread = 2 * ops::kLoraRowBlock;

// Where a segment ends at most `reach` rows from `wanted`, the nearest such place; else the nearest place where LoRA's
// sums of the segment around it begin anew.
std::int32_t windowEnd(const std::vector<RunSegment>& segments, std::int32_t wanted, std::int64_t reach) {
  std::int32_t end = wanted;
  std::int64_t distance = reach + 1;
  for (const RunSegment& segment : segments) {
    const std::int64_t own = std::abs(std::int64_t{segment.rowEnd} - wanted);
    if (own < distance) {
      end = segment.rowEnd;
      distance = own;
    }
    if (distance > reach && segment.rowStart < wanted && wanted < segment.rowEnd) {
      const std::int64_t within = std::int64_t{wanted} - segment.rowStart;
      const std::int64_t blocks = (within + ops::kLoraRowBlock / 2) / ops::kLoraRowBlock;
      end = static_cast<std::int32_t>(
          std::min(segment.rowStart + blocks * ops::kLoraRowBlock, std::int64_t{segment.rowEnd}));
    }
  }
  return end;
}

}  // namespace

std::int64_t rowsOfWindow(std::int64_t widest, int threads, std::int64_t cacheBytes) {
  const std::int64_t rows = cacheBytes / std::max(widest, std::int64_t{1});
  return std::max(rows, kRowsOfThread) * threads;
}

void rowWindows(const Bindings& bindings, std::int64_t rows, std::vector<RowWindow>& windows) {
  windows.clear();
  std::int32_t first = 0;
  while (bindings.rows - first > rows + rows / 2) {
    const std::int64_t left = std::int64_t{bindings.rows} - first;
    const std::int64_t count = (2 * left + rows) / (2 * rows);
    const std::int32_t end = windowEnd(bindings.segments, static_cast<std::int32_t>(first + left / count), rows / 4);
    windows.push_back({first, end});
    first = end;
  }
  windows.push_back({first, bindings.rows});
}

}  // namespace loratwin
