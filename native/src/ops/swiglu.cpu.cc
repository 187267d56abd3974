#include "swiglu.h"

#include "simd.h"

namespace loratwin::ops::LORATWIN_ISA {

namespace {

// exp(-gate) stays finite: below -87 the sigmoid is 1 / (1 + exp(87)) instead of a smaller number, both 0 for all
// uses here.
inline Vec sigmoid(Vec gate) {
  const Vec one = set1(1.0F);
  return one / (one + exp(Vec{} - max(gate, set1(-87.0F))));
}

template <class Store>
void gated(ExecContext& context, const SwigluT<Store>& op) {
  const std::int64_t I = op.intermediate;
  context.parallelFor(static_cast<std::size_t>(op.rows), [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t t = begin; t < end; ++t) {
      const Store* gate = op.gateUp + static_cast<std::int64_t>(t) * op.ld;
      Store* out = op.out + static_cast<std::int64_t>(t) * op.ldo;
      forLanes(I, [&](std::int64_t i, auto lanes) {
        const Vec g = load(gate + i, lanes);
        store(out + i, g * sigmoid(g) * load(gate + I + i, lanes), lanes);
      });
    }
  });
}

template <class Store>
void gatedBackward(ExecContext& context, const SwigluBackwardT<Store>& op) {
  const std::int64_t I = op.intermediate;
  context.parallelFor(static_cast<std::size_t>(op.rows), [&](std::size_t begin, std::size_t end, int) {
    const Vec one = set1(1.0F);
    for (std::size_t t = begin; t < end; ++t) {
      const Store* gate = op.gateUp + static_cast<std::int64_t>(t) * op.ld;
      const Store* dout = op.dout + static_cast<std::int64_t>(t) * op.lddo;
      Store* dgate = op.dgateUp + static_cast<std::int64_t>(t) * op.ldd;
      forLanes(I, [&](std::int64_t i, auto lanes) {
        const Vec g = load(gate + i, lanes);
        const Vec up = load(gate + I + i, lanes);
        const Vec sigma = sigmoid(g);
        const Vec d = load(dout + i, lanes) * sigma;
        store(dgate + i, d * up * fma(g, one - sigma, one), lanes);
        store(dgate + I + i, d * g, lanes);
      });
    }
  });
}

}  // namespace

void swiglu(ExecContext& context, const Swiglu& op) { gated(context, op); }
void swiglu(ExecContext& context, const SwigluBf16& op) { gated(context, op); }
void swiglu_backward(ExecContext& context, const SwigluBackward& op) { gatedBackward(context, op); }
void swiglu_backward(ExecContext& context, const SwigluBackwardBf16& op) { gatedBackward(context, op); }

}  // namespace loratwin::ops::LORATWIN_ISA
