// Windows of a micro-batch's rows. Steps that go row by row go through a long micro-batch window by window, all of
// them through one before the next: what one of them writes is still near the cores when the next one reads it.
// Tensors of such steps that share memory share it row by row.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/program.h"

namespace loratwin {

struct RowWindow {
  std::int32_t first;
  std::int32_t end;
};

// So many rows that a thread's share of the widest tensor has about as many elements as a core's own cache has bytes,
// and at least 256 for each thread. `widest`: elements of a row of that tensor
std::int64_t rowsOfWindow(std::int64_t widest, int threads, std::int64_t cacheBytes);

// Fills `windows` with all rows in equal parts of about `rows`: at most half as many again, and half as many at least
// where there are several. They begin with a segment if one begins near, and always where LoRA's sums over rows do, so
// that no such sum depends on them. `rows`: at least 256
void rowWindows(const Bindings& bindings, std::int64_t rows, std::vector<RowWindow>& windows);

}  // namespace loratwin
