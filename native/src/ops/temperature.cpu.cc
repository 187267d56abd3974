#include "temperature.h"

#include "simd.h"

namespace loratwin::ops::LORATWIN_ISA {

namespace {

float factorAt(std::int64_t position, float scale, float step) {
  const double steps = __builtin_floor(static_cast<double>(position + 1) / static_cast<double>(step));
  return static_cast<float>(1.0 + static_cast<double>(scale) * __builtin_log1p(steps));
}

template <class Store>
void scaleRows(ExecContext& context, const TemperatureT<Store>& op) {
  const std::int32_t* offsets = op.sequences.offsets;
  context.parallelFor(static_cast<std::size_t>(op.last - op.first), [&](std::size_t begin, std::size_t end, int) {
    std::int32_t sequence = 0;
    for (std::size_t i = begin; i < end; ++i) {
      const std::int64_t row = op.first + static_cast<std::int64_t>(i);
      while (row >= offsets[sequence + 1]) ++sequence;
      const float factor = factorAt(op.sequences.position(sequence, row), op.scale, op.step);
      if (factor == 1.0F) continue;
      const Vec scale = set1(factor);
      Store* x = op.x + row * op.ld + op.column;
      forLanes(op.columns, [&](std::int64_t j, auto lanes) { store(x + j, load(x + j, lanes) * scale, lanes); });
    }
  });
}

}  // namespace

void temperature(ExecContext& context, const Temperature& op) { scaleRows(context, op); }
void temperature(ExecContext& context, const TemperatureBf16& op) { scaleRows(context, op); }

}  // namespace loratwin::ops::LORATWIN_ISA
