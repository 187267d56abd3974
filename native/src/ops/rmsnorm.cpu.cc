#include "rmsnorm.h"

#include "simd.h"

namespace loratwin::ops::LORATWIN_ISA {

namespace {

template <bool kResidual, class To, class From>
void normalise(ExecContext& context, const RmsnormT<float, To, From>& op) {
  const std::int64_t H = op.hidden;
  context.parallelFor(static_cast<std::size_t>(op.rows), [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t t = begin; t < end; ++t) {
      const std::int64_t row = static_cast<std::int64_t>(t) * H;
      const From* x = op.x + row;
      To* y = op.y + row;
      const Vec sum = sumLanes(H, [&](std::int64_t h, auto lanes, Vec before) {
        const Vec v = load(x + h, lanes);
        return fma(v, v, before);
      });
      const float rstd = 1.0F / __builtin_sqrtf(reduceAdd(sum) / static_cast<float>(H) + op.eps);
      op.rstd[t] = rstd;
      const Vec scale = set1(rstd);
      forLanes(H, [&](std::int64_t h, auto lanes) {
        if constexpr (kResidual) {
          const Vec v = fma(load(x + h, lanes) * scale, load(op.weight + h, lanes), load(op.residual + row + h, lanes));
          store(y + h, v, lanes);
        } else {
          store(y + h, load(x + h, lanes) * scale * load(op.weight + h, lanes), lanes);
        }
      });
    }
  });
}

template <class To, class From>
void normalise(ExecContext& context, const RmsnormT<float, To, From>& op) {
  if (op.residual != nullptr) {
    normalise<true>(context, op);
  } else {
    normalise<false>(context, op);
  }
}

template <class From>
void differentiate(ExecContext& context, const RmsnormBackwardT<float, From>& op) {
  const std::int64_t H = op.hidden;
  context.parallelFor(static_cast<std::size_t>(op.rows), [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t t = begin; t < end; ++t) {
      const std::int64_t row = static_cast<std::int64_t>(t) * H;
      const From* x = op.x + row;
      const float* dy = op.dy + row;
      const Vec sum = sumLanes(H, [&](std::int64_t h, auto lanes, Vec before) {
        return fma(load(dy + h, lanes) * load(op.weight + h, lanes), load(x + h, lanes), before);
      });
      const float rstd = op.rstd[t];
      const Vec scale = set1(rstd);
      const Vec pull = set1(-rstd * rstd * rstd * (reduceAdd(sum) / static_cast<float>(H)));
      forLanes(H, [&](std::int64_t h, auto lanes) {
        Vec v = fma(load(dy + h, lanes) * load(op.weight + h, lanes), scale, load(x + h, lanes) * pull);
        if (op.residual != nullptr) v = v + load(op.residual + row + h, lanes);
        store(op.dx + row + h, v, lanes);
        if (op.dxCompute != nullptr) store(op.dxCompute + row + h, v, lanes);
      });
    }
  });
}

}  // namespace

void rmsnorm(ExecContext& context, const Rmsnorm& op) { normalise(context, op); }
void rmsnorm(ExecContext& context, const RmsnormBf16& op) { normalise(context, op); }
void rmsnorm(ExecContext& context, const RmsnormOfBf16& op) { normalise(context, op); }
void rmsnorm(ExecContext& context, const RmsnormOfBf16F32& op) { normalise(context, op); }

void rmsnorm_backward(ExecContext& context, const RmsnormBackward& op) { differentiate(context, op); }
void rmsnorm_backward(ExecContext& context, const RmsnormBackwardOfBf16& op) { differentiate(context, op); }

}  // namespace loratwin::ops::LORATWIN_ISA
