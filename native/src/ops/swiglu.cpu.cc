#include "swiglu.h"

#include "simd.h"

namespace loratwin::ops::LORATWIN_ISA {

namespace {

// exp(-z) stays finite: below -87 the sigmoid is 1 / (1 + exp(87)) instead of a smaller number, both 0 for all uses
// here.
inline Vec sigmoid(Vec z) {
  const Vec one = set1(1.0F);
  return one / (one + exp2(max(z, set1(-87.0F)) * set1(-kLog2E)));
}

// What stands in sigmoid, and its derivative times d.
struct Silu {
  static Vec argument(Vec gate) { return gate; }
  static Vec steepened(Vec, Vec d) { return d; }
};

// 2 sqrt(2 / pi) (g + 0.044715 g^3)
struct Gelu {
  static constexpr float kLinear = 1.5957691216F;
  static constexpr float kCubic = 0.0713548163F;
  // The sigmoid beyond is 0 or 1, and what is beyond would become infinite.
  static Vec bounded(Vec gate) {
    const Vec most = set1(16.0F);
    return Vec{} - max(Vec{} - max(gate, Vec{} - most), Vec{} - most);
  }
  static Vec argument(Vec gate) {
    const Vec g = bounded(gate);
    return g * fma(g * g, set1(kCubic), set1(kLinear));
  }
  static Vec steepened(Vec gate, Vec d) {
    const Vec g = bounded(gate);
    return d * fma(g * g, set1(3.0F * kCubic), set1(kLinear));
  }
};

// results[j][i] = body(sources[0][i], ..)[j] for all elements i of [0, count). Four vectors at a time, so that one does
// not wait for the division of another.
template <class Store, int kSources, int kResults, class Body>
inline void forElements(std::int64_t count, const Store* const (&sources)[kSources], Store* const (&results)[kResults],
                        Body body) {
  constexpr int kVectors = 4;
  std::int64_t i = 0;
  for (; i + kVectors * kLanes <= count; i += kVectors * kLanes) {
    Vec from[kVectors][kSources];
    Vec to[kVectors][kResults];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; v += 2) {
#pragma GCC unroll 4
      for (int s = 0; s < kSources; ++s) loadTwo(sources[s] + i + v * kLanes, from[v][s], from[v + 1][s]);
    }
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) body(from[v], to[v]);
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; v += 2) {
#pragma GCC unroll 4
      for (int r = 0; r < kResults; ++r) storeTwo(results[r] + i + v * kLanes, to[v][r], to[v + 1][r]);
    }
  }
  forLanes(count - i, [&](std::int64_t rest, auto lanes) {
    Vec from[kSources];
    Vec to[kResults];
    for (int s = 0; s < kSources; ++s) from[s] = load(sources[s] + i + rest, lanes);
    body(from, to);
    for (int r = 0; r < kResults; ++r) store(results[r] + i + rest, to[r], lanes);
  });
}

template <class Act, class Store>
void gated(ExecContext& context, const SwigluT<Store>& op) {
  const std::int64_t I = op.intermediate;
  context.parallelFor(static_cast<std::size_t>(op.rows), [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t t = begin; t < end; ++t) {
      const Store* gate = op.gateUp + static_cast<std::int64_t>(t) * op.ld;
      Store* out = op.out + static_cast<std::int64_t>(t) * op.ldo;
      forElements<Store, 2, 1>(I, {gate, gate + I}, {out}, [](const Vec(&in)[2], Vec(&product)[1]) {
        product[0] = in[0] * sigmoid(Act::argument(in[0])) * in[1];
      });
    }
  });
}

template <class Act, class Store>
void gatedBackward(ExecContext& context, const SwigluBackwardT<Store>& op) {
  const std::int64_t I = op.intermediate;
  context.parallelFor(static_cast<std::size_t>(op.rows), [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t t = begin; t < end; ++t) {
      const Store* gate = op.gateUp + static_cast<std::int64_t>(t) * op.ld;
      const Store* dout = op.dout + static_cast<std::int64_t>(t) * op.lddo;
      Store* dgate = op.dgateUp + static_cast<std::int64_t>(t) * op.ldd;
      forElements<Store, 3, 2>(I, {gate, gate + I, dout}, {dgate, dgate + I}, [](const Vec(&in)[3], Vec(&gradient)[2]) {
        const Vec one = set1(1.0F);
        const Vec g = in[0];
        const Vec sigma = sigmoid(Act::argument(g));
        const Vec d = in[2] * sigma;
        gradient[0] = d * in[1] * fma(g, Act::steepened(g, one - sigma), one);
        gradient[1] = d * g;
      });
    }
  });
}

// The limits keep NaN: max has its second argument where one is not a number.
struct Clamped {
  Vec alpha;
  Vec limit;
  template <class Op>
  explicit Clamped(const Op& op) : alpha(set1(op.alpha)), limit(set1(op.limit)) {}
  Vec gate(Vec g) const { return Vec{} - max(Vec{} - limit, Vec{} - g); }
  Vec up(Vec u) const { return max(Vec{} - limit, gate(u)); }
};

template <class Store>
void clamped(ExecContext& context, const SwigluT<Store>& op) {
  const std::int64_t I = op.intermediate;
  context.parallelFor(static_cast<std::size_t>(op.rows), [&](std::size_t begin, std::size_t end, int) {
    const Clamped cut(op);
    for (std::size_t t = begin; t < end; ++t) {
      const Store* gate = op.gateUp + static_cast<std::int64_t>(t) * op.ld;
      Store* out = op.out + static_cast<std::int64_t>(t) * op.ldo;
      forElements<Store, 2, 1>(I, {gate, gate + I}, {out}, [cut](const Vec(&in)[2], Vec(&product)[1]) {
        const Vec g = cut.gate(in[0]);
        product[0] = g * sigmoid(cut.alpha * g) * (cut.up(in[1]) + set1(1.0F));
      });
    }
  });
}

template <class Store>
void clampedBackward(ExecContext& context, const SwigluBackwardT<Store>& op) {
  const std::int64_t I = op.intermediate;
  context.parallelFor(static_cast<std::size_t>(op.rows), [&](std::size_t begin, std::size_t end, int) {
    const Clamped cut(op);
    for (std::size_t t = begin; t < end; ++t) {
      const Store* gate = op.gateUp + static_cast<std::int64_t>(t) * op.ld;
      const Store* dout = op.dout + static_cast<std::int64_t>(t) * op.lddo;
      Store* dgate = op.dgateUp + static_cast<std::int64_t>(t) * op.ldd;
      forElements<Store, 3, 2>(
          I, {gate, gate + I, dout}, {dgate, dgate + I}, [cut](const Vec(&in)[3], Vec(&gradient)[2]) {
            const Vec one = set1(1.0F);
            const Vec g = cut.gate(in[0]);
            const Vec z = cut.alpha * g;
            const Vec sigma = sigmoid(z);
            const Vec d = in[2] * sigma;
            gradient[0] = upTo(in[0], cut.limit, d * (cut.up(in[1]) + one) * fma(z, one - sigma, one));
            gradient[1] = upTo(in[1], cut.limit, upTo(Vec{} - in[1], cut.limit, d * g));
          });
    }
  });
}

template <class Store>
void activate(ExecContext& context, const SwigluT<Store>& op) {
  switch (op.activation) {
    case Activation::silu:
      return gated<Silu>(context, op);
    case Activation::gelu:
      return gated<Gelu>(context, op);
    case Activation::clamped:
      return clamped(context, op);
  }
}

template <class Store>
void activateBackward(ExecContext& context, const SwigluBackwardT<Store>& op) {
  switch (op.activation) {
    case Activation::silu:
      return gatedBackward<Silu>(context, op);
    case Activation::gelu:
      return gatedBackward<Gelu>(context, op);
    case Activation::clamped:
      return clampedBackward(context, op);
  }
}

}  // namespace

void swiglu(ExecContext& context, const Swiglu& op) { activate(context, op); }
void swiglu(ExecContext& context, const SwigluBf16& op) { activate(context, op); }
void swiglu_backward(ExecContext& context, const SwigluBackward& op) { activateBackward(context, op); }
void swiglu_backward(ExecContext& context, const SwigluBackwardBf16& op) { activateBackward(context, op); }

}  // namespace loratwin::ops::LORATWIN_ISA
