#include "head_norm.h"

#include "simd.h"

namespace loratwin::ops::LORATWIN_ISA {

namespace {

// body(first column, values, their weights or null) for each norm of a row.
template <class Body>
void forNorms(const NormedHeads& columns, const HeadNormWeights<float>& weights, Body body) {
  const std::int64_t D = columns.headDim;
  const std::int64_t qWidth = columns.heads * D;
  const std::int64_t kWidth = columns.kvHeads * D;
  const std::int64_t qStep = weights.whole ? qWidth : D;
  const std::int64_t kStep = weights.whole ? kWidth : D;
  for (std::int64_t i = 0; i < qWidth; i += qStep) body(columns.q + i, qStep, weights.q);
  for (std::int64_t i = 0; i < kWidth; i += kStep) body(columns.k + i, kStep, weights.k);
}

template <class Lanes>
Vec weightAt(const float* weight, std::int64_t i, Lanes lanes) {
  return weight != nullptr ? load(weight + i, lanes) : set1(1.0F);
}

template <class Store>
float reciprocal(const Store* x, std::int64_t width, float eps) {
  const Vec sum = sumLanes(width, [&](std::int64_t i, auto lanes, Vec before) {
    const Vec v = load(x + i, lanes);
    return fma(v, v, before);
  });
  return 1.0F / __builtin_sqrtf(reduceAdd(sum) / static_cast<float>(width) + eps);
}

template <class Store>
void copyValues(const Store* from, Store* to, std::int64_t width) {
  if (from == to) return;
  forLanes(width, [&](std::int64_t i, auto lanes) { store(to + i, load(from + i, lanes), lanes); });
}

template <class Store>
void normalise(ExecContext& context, const HeadNormT<float, Store>& op) {
  const NormedHeads& c = op.columns;
  context.parallelFor(static_cast<std::size_t>(op.rows), [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t t = begin; t < end; ++t) {
      const Store* x = op.x + static_cast<std::int64_t>(t) * op.ld;
      Store* y = op.y + static_cast<std::int64_t>(t) * op.ld;
      forNorms(c, op.weights, [&](std::int64_t first, std::int64_t width, const float* weight) {
        const Vec scale = set1(reciprocal(x + first, width, op.weights.eps));
        forLanes(width, [&](std::int64_t i, auto lanes) {
          store(y + first + i, load(x + first + i, lanes) * scale * weightAt(weight, i, lanes), lanes);
        });
      });
      copyValues(x + c.v, y + c.v, std::int64_t{c.kvHeads} * c.headDim);
    }
  });
}

template <class Store>
void differentiate(ExecContext& context, const HeadNormBackwardT<float, Store>& op) {
  const NormedHeads& c = op.columns;
  context.parallelFor(static_cast<std::size_t>(op.rows), [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t t = begin; t < end; ++t) {
      const std::int64_t row = static_cast<std::int64_t>(t) * op.ld;
      forNorms(c, op.weights, [&](std::int64_t first, std::int64_t width, const float* weight) {
        const Store* x = op.x + row + first;
        const Store* dy = op.dy + row + first;
        Store* dx = op.dx + row + first;
        const float rstd = reciprocal(x, width, op.weights.eps);
        const Vec sum = sumLanes(width, [&](std::int64_t i, auto lanes, Vec before) {
          return fma(load(dy + i, lanes) * weightAt(weight, i, lanes), load(x + i, lanes), before);
        });
        const Vec scale = set1(rstd);
        const Vec pull = set1(-rstd * rstd * rstd * (reduceAdd(sum) / static_cast<float>(width)));
        forLanes(width, [&](std::int64_t i, auto lanes) {
          const Vec wdy = load(dy + i, lanes) * weightAt(weight, i, lanes);
          store(dx + i, fma(wdy, scale, load(x + i, lanes) * pull), lanes);
        });
      });
      copyValues(op.dy + row + c.v, op.dx + row + c.v, std::int64_t{c.kvHeads} * c.headDim);
    }
  });
}

}  // namespace

void head_norm(ExecContext& context, const HeadNorm& op) { normalise(context, op); }
void head_norm(ExecContext& context, const HeadNormBf16& op) { normalise(context, op); }
void head_norm_backward(ExecContext& context, const HeadNormBackward& op) { differentiate(context, op); }
void head_norm_backward(ExecContext& context, const HeadNormBackwardBf16& op) { differentiate(context, op); }

}  // namespace loratwin::ops::LORATWIN_ISA
