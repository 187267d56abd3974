#include "rmsnorm.h"

#include "simd.h"

namespace loratwin::ops::LORATWIN_ISA {

namespace {

template <class Store>
void normalise(ExecContext& context, const RmsnormT<float, Store>& op) {
  const std::int64_t H = op.hidden;
  context.parallelFor(static_cast<std::size_t>(op.rows), [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t t = begin; t < end; ++t) {
      const float* x = op.x + static_cast<std::int64_t>(t) * H;
      Store* y = op.y + static_cast<std::int64_t>(t) * H;
      Vec sum{};
      for (std::int64_t h = 0; h < H; h += kLanes) {
        const Vec v = load(x + h, firstLanes(H - h));
        sum = fma(v, v, sum);
      }
      const float rstd = 1.0F / __builtin_sqrtf(reduceAdd(sum) / static_cast<float>(H) + op.eps);
      op.rstd[t] = rstd;
      const Vec scale = set1(rstd);
      for (std::int64_t h = 0; h < H; h += kLanes) {
        const Mask m = firstLanes(H - h);
        store(y + h, load(x + h, m) * scale * load(op.weight + h, m), m);
      }
    }
  });
}

}  // namespace

void rmsnorm(ExecContext& context, const Rmsnorm& op) { normalise(context, op); }
void rmsnorm(ExecContext& context, const RmsnormBf16& op) { normalise(context, op); }

void rmsnorm_backward(ExecContext& context, const RmsnormBackward& op) {
  const std::int64_t H = op.hidden;
  context.parallelFor(static_cast<std::size_t>(op.rows), [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t t = begin; t < end; ++t) {
      const std::int64_t row = static_cast<std::int64_t>(t) * H;
      const float* x = op.x + row;
      const float* dy = op.dy + row;
      Vec sum{};
      for (std::int64_t h = 0; h < H; h += kLanes) {
        const Mask m = firstLanes(H - h);
        sum = fma(load(dy + h, m) * load(op.weight + h, m), load(x + h, m), sum);
      }
      const float rstd = op.rstd[t];
      const Vec scale = set1(rstd);
      const Vec pull = set1(-rstd * rstd * rstd * (reduceAdd(sum) / static_cast<float>(H)));
      for (std::int64_t h = 0; h < H; h += kLanes) {
        const Mask m = firstLanes(H - h);
        Vec v = fma(load(dy + h, m) * load(op.weight + h, m), scale, load(x + h, m) * pull);
        if (op.residual != nullptr) v = v + load(op.residual + row + h, m);
        store(op.dx + row + h, v, m);
        if (op.dxCompute != nullptr) store(op.dxCompute + row + h, v, m);
      }
    }
  });
}

}  // namespace loratwin::ops::LORATWIN_ISA
