#include "expert_rows.h"

#include "simd.h"

namespace loratwin::ops::LORATWIN_ISA {

namespace {

template <class Store>
void gather(ExecContext& context, const GatherRowsT<Store>& op) {
  const std::int64_t C = op.columns;
  const std::size_t places = static_cast<std::size_t>(op.rows) * static_cast<std::size_t>(op.perRow);
  context.parallelFor(places, [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t p = begin; p < end; ++p) {
      const Store* const x = op.x + op.order[p] / op.perRow * C;
      std::memcpy(op.y + static_cast<std::int64_t>(p) * C, x, static_cast<std::size_t>(C) * sizeof(Store));
    }
  });
}

template <class Store, class Out>
void sumPlaces(ExecContext& context, const CombineT<float, Store, Out>& op) {
  const std::int64_t C = op.columns;
  context.parallelFor(static_cast<std::size_t>(op.rows), [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t t = begin; t < end; ++t) {
      const std::int64_t row = static_cast<std::int64_t>(t);
      const std::int32_t* const places = op.places + row * op.perRow;
      const float* const weights = op.weights == nullptr ? nullptr : op.weights + row * op.perRow;
      forLanes(C, [&](std::int64_t c, auto lanes) {
        Vec sum{};
        for (std::int32_t j = 0; j < op.perRow; ++j) {
          const Vec weight = set1(weights == nullptr ? 1.0F : weights[j]);
          sum = fma(load(op.x + places[j] * C + c, lanes), weight, sum);
        }
        if (op.residual != nullptr) sum = load(op.residual + row * C + c, lanes) + sum;
        store(op.y + row * C + c, sum, lanes);
      });
    }
  });
}

template <class Store>
void differentiate(ExecContext& context, const CombineBackwardT<float, Store>& op) {
  const std::int64_t C = op.columns;
  context.parallelFor(static_cast<std::size_t>(op.rows), [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t t = begin; t < end; ++t) {
      const Store* const dy = op.dy + static_cast<std::int64_t>(t) * C;
      for (std::int64_t pair = static_cast<std::int64_t>(t) * op.perRow;
           pair < static_cast<std::int64_t>(t + 1) * op.perRow; ++pair) {
        const Store* const x = op.x + op.places[pair] * C;
        Store* const dx = op.dx + op.places[pair] * C;
        const Vec sum = sumLanes(C, [&](std::int64_t c, auto lanes, Vec before) {
          return fma(load(dy + c, lanes), load(x + c, lanes), before);
        });
        op.dweights[pair] = reduceAdd(sum);
        const Vec weight = set1(op.weights[pair]);
        forLanes(C, [&](std::int64_t c, auto lanes) { store(dx + c, load(dy + c, lanes) * weight, lanes); });
      }
    }
  });
}

}  // namespace

void gather_rows(ExecContext& context, const GatherRows& op) { gather(context, op); }
void gather_rows(ExecContext& context, const GatherRowsBf16& op) { gather(context, op); }
void combine(ExecContext& context, const Combine& op) { sumPlaces(context, op); }
void combine(ExecContext& context, const CombineBf16& op) { sumPlaces(context, op); }
void combine(ExecContext& context, const CombineBf16F32& op) { sumPlaces(context, op); }
void combine_backward(ExecContext& context, const CombineBackward& op) { differentiate(context, op); }
void combine_backward(ExecContext& context, const CombineBackwardBf16& op) { differentiate(context, op); }

}  // namespace loratwin::ops::LORATWIN_ISA
