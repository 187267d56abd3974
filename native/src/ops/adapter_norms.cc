#include "adapter_norms.h"

#include <algorithm>
#include <cmath>

#include "isa.h"
#include "matmul.h"
#include "matmul_state.h"
#include "quantized_panel.h"

namespace loratwin::ops {

namespace {

double wide(float value) { return value; }
double wide(Bf16 value) { return toFloat(value); }

template <class Store>
double squares(const Store* values, std::int64_t count) {
  double sums[8] = {};
  for (std::int64_t i = 0; i < count; ++i) {
    sums[i % 8] += wide(values[i]) * wide(values[i]);
  }
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

// Of a quantized weight, panel by panel of 64 rows.
std::vector<float> quantizedSquares(const QuantizedView& view) {
  const std::int64_t out = view.layout.outFeatures;
  const std::int64_t rows = (view.layout.inFeatures + kQuantPanelRows - 1) / kQuantPanelRows * kQuantPanelRows;
  const std::int64_t together = currentIsa() >= Isa::avx512bf16 ? 2 : 1;  // neighbours of a column
  std::vector<Bf16> panel(static_cast<std::size_t>(rows * kQuantPanel));
  std::vector<float> result(static_cast<std::size_t>(out));
  for (std::int64_t p = 0; p * kQuantPanel < out; ++p) {
    double sums[kQuantPanel] = {};
    std::fill(panel.begin(), panel.end(), Bf16{});
    dequantize_panel({view, false, p, panel.data()});
    for (std::int64_t i = 0; i < rows * kQuantPanel; ++i) {
      const double value = wide(panel[static_cast<std::size_t>(i)]);
      sums[i / together % kQuantPanel] += value * value;
    }
    for (std::int64_t n = p * kQuantPanel; n < out && n < (p + 1) * kQuantPanel; ++n) {
      result[static_cast<std::size_t>(n)] = static_cast<float>(sums[n % kQuantPanel]);
    }
  }
  return result;
}

}  // namespace

template <class Store>
std::vector<float> rowSquares(const PackedMatrix& packed, const Store* w) {
  if (packed.isQuantized()) return quantizedSquares(packed.impl().quantized->view());
  std::vector<float> result;
  for (std::int64_t n = 0; n < packed.outFeatures(); ++n) {
    result.push_back(static_cast<float>(squares(w + n * packed.inFeatures(), packed.inFeatures())));
  }
  return result;
}

template std::vector<float> rowSquares<float>(const PackedMatrix&, const float*);
template std::vector<float> rowSquares<Bf16>(const PackedMatrix&, const Bf16*);

void adapter_norms(ExecContext& context, MatmulEngine& engine, const AdapterNorms& op, AdapterNormsScratch& scratch) {
  const std::int64_t K = op.weight->inFeatures();
  const std::int64_t all = op.weight->outFeatures();
  const std::int64_t R = op.rank;
  scratch.products.resize(static_cast<std::size_t>(R * all));
  scratch.gram.resize(static_cast<std::size_t>(R * R));
  const void* a = op.a;
  if (op.weight->dtype() == DType::bfloat16) {
    scratch.rounded.resize(static_cast<std::size_t>(R * K));
    for (std::int64_t i = 0; i < R * K; ++i) scratch.rounded[static_cast<std::size_t>(i)] = toBf16(op.a[i]);
    a = scratch.rounded.data();
  }
  matmul(context, engine,
         {a, K, op.weight, scratch.products.data(), DType::float32, all, nullptr, nullptr, 0, op.rank});
  context.parallelFor(static_cast<std::size_t>(R), [&](std::size_t begin, std::size_t end, int) {
    for (auto r = static_cast<std::int64_t>(begin); r < static_cast<std::int64_t>(end); ++r) {
      for (std::int64_t q = 0; q < R; ++q) {
        double sum = 0;
        for (std::int64_t k = 0; k < K; ++k) sum += static_cast<double>(op.a[r * K + k]) * op.a[q * K + k];
        scratch.gram[static_cast<std::size_t>(r * R + q)] = sum;
      }
    }
  });
  const double scale = op.scale;
  context.parallelFor(static_cast<std::size_t>(op.outFeatures), [&](std::size_t begin, std::size_t end, int) {
    for (auto n = static_cast<std::int64_t>(begin); n < static_cast<std::int64_t>(end); ++n) {
      const float* const b = op.b + n * R;
      double cross = 0;
      double own = 0;
      for (std::int64_t r = 0; r < R; ++r) {
        double row = 0;
        for (std::int64_t q = 0; q < R; ++q) row += scratch.gram[static_cast<std::size_t>(r * R + q)] * b[q];
        own += row * b[r];
        cross += static_cast<double>(b[r]) * scratch.products[static_cast<std::size_t>(r * all + op.column + n)];
      }
      const double squared = op.rowSquares[op.column + n] + scale * (2 * cross + scale * own);
      op.norm[n] = squared > 0 ? static_cast<float>(std::sqrt(squared)) : 1.0F;
    }
  });
}

}  // namespace loratwin::ops
