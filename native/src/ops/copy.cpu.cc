#include "copy.h"

#include "simd.h"

namespace loratwin::ops::LORATWIN_ISA {

namespace {

template <class From, class To>
void scaled(const Copy& op, const From* x, To* y, std::int64_t first, std::int64_t last) {
  const Vec scale = set1(op.scale);
  forLanes(last - first, [&](std::int64_t i, auto lanes) {
    const Vec v = load(x + first + i, lanes);
    store(y + first + i, op.residual == nullptr ? v * scale : fma(v, scale, load(op.residual + first + i, lanes)),
          lanes);
  });
}

}  // namespace

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
        if (op.scale == 1.0F && op.residual == nullptr) {
          forLanes(last - first,
                   [&](std::int64_t i, auto lanes) { store(y + first + i, load(x + first + i, lanes), lanes); });
        } else {
          scaled(op, x, y, first, last);
        }
      });
    });
  });
}

}  // namespace loratwin::ops::LORATWIN_ISA
