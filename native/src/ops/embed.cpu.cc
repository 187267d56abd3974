#include "embed.h"

#include <cstring>

#include "simd.h"

namespace loratwin::ops::LORATWIN_ISA {

void embed(ExecContext& context, const Embed& op) {
  const std::int64_t H = op.hidden;
  context.parallelFor(static_cast<std::size_t>(op.rows), [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t t = begin; t < end; ++t) {
      std::memcpy(op.out + static_cast<std::int64_t>(t) * H, op.table + op.ids[t] * H,
                  static_cast<std::size_t>(H) * sizeof(float));
    }
  });
}

}  // namespace loratwin::ops::LORATWIN_ISA
