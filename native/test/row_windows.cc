// What runtime/cpu/row_windows.h promises.
#include "runtime/cpu/row_windows.h"

#include <algorithm>
#include <limits>
#include <random>
#include <vector>

#include "ops/lora.h"
#include "promises.h"

namespace {

using namespace loratwin;
using test::allKept;
using test::expect;

Bindings bindingsOf(const std::vector<std::int32_t>& segmentRows) {
  Bindings bindings{};
  for (const std::int32_t rows : segmentRows) {
    RunSegment segment;
    segment.rowStart = bindings.rows;
    bindings.rows += rows;
    segment.rowEnd = bindings.rows;
    bindings.segments.push_back(segment);
  }
  return bindings;
}

std::vector<RowWindow> windowsOf(const Bindings& bindings, std::int64_t rows) {
  std::vector<RowWindow> windows{{3, 4}};
  rowWindows(bindings, rows, windows);
  return windows;
}

// Where windows of about `rows` end.
std::vector<std::int32_t> ends(const std::vector<std::int32_t>& segmentRows, std::int64_t rows) {
  std::vector<std::int32_t> result;
  for (const RowWindow& window : windowsOf(bindingsOf(segmentRows), rows)) result.push_back(window.end);
  return result;
}

bool coverAllRows(const Bindings& bindings, const std::vector<RowWindow>& windows) {
  std::int32_t next = 0;
  for (const RowWindow& window : windows) {
    if (window.first != next || window.end <= window.first) return false;
    next = window.end;
  }
  return next == bindings.rows;
}

bool areOfTheSize(const std::vector<RowWindow>& windows, std::int32_t rows) {
  return std::ranges::all_of(windows, [&](const RowWindow& window) {
    const std::int32_t own = window.end - window.first;
    return own <= rows + rows / 2 && (windows.size() == 1 || own >= rows / 2);
  });
}

bool beginWhereSumsDo(const Bindings& bindings, const std::vector<RowWindow>& windows) {
  return std::ranges::all_of(windows, [&](const RowWindow& window) {
    return std::ranges::any_of(bindings.segments, [&](const RunSegment& segment) {
      return segment.rowStart <= window.first && window.first < segment.rowEnd &&
             (window.first - segment.rowStart) % ops::kLoraRowBlock == 0;
    });
  });
}

}  // namespace

int main() {
  using Rows = std::vector<std::int32_t>;
  constexpr std::int64_t kCache = 1 << 20;
  expect("rows of many elements: 256 a thread",
         rowsOfWindow(4096, 1, kCache) == 256 && rowsOfWindow(22528, 4, kCache) == 1024);
  expect("narrower rows: as many as have an element for each byte of the cache",
         rowsOfWindow(2048, 1, kCache) == 512 && rowsOfWindow(1024, 2, kCache) == 2048 &&
             rowsOfWindow(4096, 1, 2 * kCache) == 512);
  expect("few rows are one window", ends({100, 284}, 256) == Rows{384} && ends({768}, 512) == Rows{768});
  expect("a long segment is cut where LoRA's sums begin", ends({1100}, 256) == Rows({256, 512, 768, 1100}));
  expect("short segments are taken together", ends(Rows(8, 144), 256) == Rows({288, 576, 864, 1152}));
  expect("a short segment beside a long one gets no window of its own",
         ends({32, 256, 32, 256}, 256) == Rows({288, 576}));
  expect("windows are as long as asked for", ends({1024, 1024}, 512) == Rows({512, 1024, 1536, 2048}));
  Bindings gaps = bindingsOf({600, 600});
  gaps.segments = {gaps.segments[1]};
  expect("rows outside every segment are in windows too", coverAllRows(gaps, windowsOf(gaps, 256)));

  constexpr std::int32_t kLast = std::numeric_limits<std::int32_t>::max();
  expect("all rows that an int32 can count are cut, and in windows of any length",
         windowsOf(bindingsOf({kLast}), 1 << 30).size() == 2 && ends({kLast}, std::int64_t{1} << 40) == Rows{kLast});

  std::mt19937 random(1);
  bool covered = true;
  bool sized = true;
  bool begun = true;
  for (int turn = 0; turn < 20000; ++turn) {
    const std::int32_t rows = 256 + static_cast<std::int32_t>(random() % 2000);
    const std::uint32_t most = random() % 2 == 0 ? 40 : 3000;
    Rows segmentRows(1 + random() % 40);
    for (std::int32_t& own : segmentRows) own = 1 + static_cast<std::int32_t>(random() % most);
    const Bindings bindings = bindingsOf(segmentRows);
    const std::vector<RowWindow> windows = windowsOf(bindings, rows);
    covered = covered && coverAllRows(bindings, windows);
    sized = sized && areOfTheSize(windows, rows);
    begun = begun && beginWhereSumsDo(bindings, windows);
  }
  expect("windows are all rows in order", covered);
  expect("windows are half to one and a half times as long as asked for", sized);
  expect("windows begin with a segment or a multiple of 128 rows behind its first", begun);
  return allKept ? 0 : 1;
}
