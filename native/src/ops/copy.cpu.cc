#include "copy.h"

#include "simd.h"

namespace loratwin::ops::LORATWIN_ISA {

void copy(ExecContext& context, const Copy& op) {
  constexpr std::int64_t kBlock = 4096;
  const std::size_t blocks = static_cast<std::size_t>((op.count + kBlock - 1) / kBlock);
  context.parallelFor(blocks, [&](std::size_t begin, std::size_t end, int) {
    const std::int64_t first = static_cast<std::int64_t>(begin) * kBlock;
    const std::int64_t whole = static_cast<std::int64_t>(end) * kBlock;
    const std::int64_t last = whole < op.count ? whole : op.count;
    withStore(op.xType, [&]<class From>(From) {
      withStore(op.yType, [&]<class To>(To) {
        const From* x = static_cast<const From*>(op.x);
        To* y = static_cast<To*>(op.y);
        forLanes(last - first,
                 [&](std::int64_t i, auto lanes) { store(y + first + i, load(x + first + i, lanes), lanes); });
      });
    });
  });
}

}  // namespace loratwin::ops::LORATWIN_ISA
