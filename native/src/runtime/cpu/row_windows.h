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

// Fills `windows` with all rows: about 256 for each of the threads, at most half as many again. They begin where LoRA's
// sums over rows do, so that no result depends on them.
void rowWindows(const Bindings& bindings, int threads, std::vector<RowWindow>& windows);

}  // namespace loratwin
