#include "embed.h"

#include "simd.h"

namespace loratwin::ops::LORATWIN_ISA {

namespace {

template <bool kScaled, class Store>
void gather(ExecContext& context, const EmbedT<float, Store>& op) {
  const std::int64_t H = op.hidden;
  const Vec scale = set1(op.scale);
  context.parallelFor(static_cast<std::size_t>(op.rows), [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t t = begin; t < end; ++t) {
      const Store* row = op.table + op.ids[t] * H;
      float* out = op.out + static_cast<std::int64_t>(t) * H;
      forLanes(H, [&](std::int64_t h, auto lanes) {
        const Vec v = load(row + h, lanes);
        store(out + h, kScaled ? v * scale : v, lanes);
      });
    }
  });
}

template <class Store>
void gather(ExecContext& context, const EmbedT<float, Store>& op) {
  op.scale == 1.0F ? gather<false>(context, op) : gather<true>(context, op);
}

}  // namespace

void embed(ExecContext& context, const Embed& op) { gather(context, op); }
void embed(ExecContext& context, const EmbedBf16& op) { gather(context, op); }

}  // namespace loratwin::ops::LORATWIN_ISA
