#include "magnitude.h"

#include "simd.h"

namespace loratwin::ops::LORATWIN_ISA {

namespace {

// Columns of a thread's piece: what it sums stays in its first cache.
constexpr std::int64_t kColumns = 256;

template <class Store, class Out>
void forward(ExecContext& context, const MagnitudeT<float, Store, Out>& op) {
  for (std::int32_t i = 0; i < op.count; ++i) {
    const MagnitudeSegment& g = op.segments[i];
    context.parallelFor(static_cast<std::size_t>(g.rowEnd - g.rowStart), [&](std::size_t begin, std::size_t end, int) {
      for (std::size_t row = begin; row < end; ++row) {
        const std::int64_t t = g.rowStart + static_cast<std::int64_t>(row);
        Out* const y = op.y + t * op.ldy + op.column;
        Store* const u = op.u == nullptr ? nullptr : op.u + t * op.ldu;
        const float* const residual = op.residual == nullptr ? nullptr : op.residual + t * op.ldr + op.column;
        forLanes(op.outFeatures, [&](std::int64_t n, auto lanes) {
          const Vec gain = load(g.magnitude + n, lanes) / load(g.norm + n, lanes);
          Vec added = op.bias == nullptr ? Vec{} : load(op.bias + op.column + n, lanes);
          if (residual != nullptr) added = added + load(residual + n, lanes);
          const Vec product = load(y + n, lanes) - added;
          if (u != nullptr) store(u + n, product, lanes);
          store(y + n, fma(gain, product, added), lanes);
        });
      }
    });
  }
}

// Columns first .. first + count of a segment.
template <class Store>
void backwardColumns(const MagnitudeBackwardT<float, Store>& op, const MagnitudeSegment& g, std::int64_t first,
                     std::int64_t count) {
  float gain[kColumns];
  float whole[kColumns] = {};
  forLanes(count, [&](std::int64_t n, auto lanes) {
    store(gain + n, load(g.magnitude + first + n, lanes) / load(g.norm + first + n, lanes), lanes);
  });
  for (std::int64_t block = g.rowStart; block < g.rowEnd; block += kMagnitudeRowBlock) {
    const std::int64_t last = block + kMagnitudeRowBlock < g.rowEnd ? block + kMagnitudeRowBlock : g.rowEnd;
    float part[kColumns] = {};
    for (std::int64_t t = block; t < last; ++t) {
      Store* const dy = op.dy + t * op.lddy + op.column + first;
      const Store* const u = op.u + t * op.ldu + first;
      forLanes(count, [&](std::int64_t n, auto lanes) {
        const Vec gradient = load(dy + n, lanes);
        store(part + n, fma(gradient, load(u + n, lanes), load(part + n, lanes)), lanes);
        store(dy + n, gradient * load(gain + n, lanes), lanes);
      });
    }
    forLanes(count, [&](std::int64_t n, auto lanes) {
      store(whole + n, load(whole + n, lanes) + load(part + n, lanes), lanes);
    });
  }
  const float* const divisors = (op.scaled ? g.magnitude : g.norm) + first;
  for (std::int64_t n = 0; n < count; ++n) {
    if (divisors[n] != 0.0F) g.dMagnitude[first + n] += whole[n] / divisors[n];
  }
}

template <class Store>
void backward(ExecContext& context, const MagnitudeBackwardT<float, Store>& op) {
  const std::int64_t pieces = (op.outFeatures + kColumns - 1) / kColumns;
  context.parallelFor(static_cast<std::size_t>(pieces), [&](std::size_t begin, std::size_t end, int) {
    for (std::int64_t piece = static_cast<std::int64_t>(begin); piece < static_cast<std::int64_t>(end); ++piece) {
      const std::int64_t first = piece * kColumns;
      const std::int64_t rest = op.outFeatures - first;
      for (std::int32_t i = 0; i < op.count; ++i) {
        backwardColumns(op, op.segments[i], first, rest < kColumns ? rest : kColumns);
      }
    }
  });
}

}  // namespace

void magnitude(ExecContext& context, const Magnitude& op) { forward(context, op); }
void magnitude(ExecContext& context, const MagnitudeBf16& op) { forward(context, op); }
void magnitude(ExecContext& context, const MagnitudeBf16F32& op) { forward(context, op); }
void magnitude_backward(ExecContext& context, const MagnitudeBackward& op) { backward(context, op); }
void magnitude_backward(ExecContext& context, const MagnitudeBackwardBf16& op) { backward(context, op); }

}  // namespace loratwin::ops::LORATWIN_ISA
