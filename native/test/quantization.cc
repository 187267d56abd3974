// The 8- and 4-bit formats themselves: their table, their bounds, their bits, and panels in every build.
#include <algorithm>
#include <cmath>
#include <random>

#include "operators.h"
#include "ops/isa.h"
#include "ops/quantized.h"
#include "ops/quantized_panel.h"

namespace loratwin::test {

namespace {

using ops::Bf16;
using ops::QuantizedLayout;
using ops::QuantizedMatrix;
using ops::QuantizedView;

constexpr double kHalfStepNf4 = 0.15190359950065613;  // half of the widest gap, from -1 to the next
constexpr double kRounding = 1.0 / 256;               // to bfloat16, of the value
constexpr double kFloat = 1e-6;                       // of f32 arithmetic on the way, of the value

struct Shape {
  std::int32_t out;
  std::int32_t in;
};

std::string nameOf(const Shape& shape, const char* values) {
  return std::string(values) + " [" + std::to_string(shape.out) + "," + std::to_string(shape.in) + "]";
}

std::vector<float> normalWeights(const Shape& shape) {
  std::vector<float> w(static_cast<std::size_t>(shape.out) * static_cast<std::size_t>(shape.in));
  std::mt19937 random(static_cast<std::uint32_t>(shape.out * 31 + shape.in));
  std::normal_distribution<float> normal(0.0F, 0.02F);
  for (float& value : w) value = normal(random);
  return w;
}

// Rows of zeros, lone values and outliers.
std::vector<float> unevenWeights(const Shape& shape) {
  std::vector<float> w = normalWeights(shape);
  for (std::size_t i = 0; i < w.size(); ++i) {
    const std::size_t row = i / static_cast<std::size_t>(shape.in);
    if (row % 3 == 1) w[i] = 0.0F;
    if (row % 5 == 2) w[i] = i % 67 == 0 ? 3.0F : 0.0F;
    if (i % 211 == 5) w[i] *= 100.0F;
  }
  return w;
}

double absmaxOf(const std::vector<float>& w, std::int64_t first, std::int64_t last) {
  double largest = 0;
  for (std::int64_t i = first; i < last; ++i) largest = std::fmax(largest, std::fabs(w[static_cast<std::size_t>(i)]));
  return largest;
}

// The largest error of a weight, in units of what the format promises for it.
double worstError(const std::vector<float>& w, const QuantizedView& view, const std::vector<Bf16>& got) {
  const QuantizedLayout& layout = view.layout;
  double worst = 0;
  for (std::int64_t n = 0; n < layout.outFeatures; ++n) {
    for (std::int64_t k = 0; k < layout.inFeatures; ++k) {
      const std::int64_t row = n * layout.inFeatures;
      const std::size_t at = static_cast<std::size_t>(row + k);
      double promised;
      if (layout.format == ops::Quantization::int8) {
        promised = absmaxOf(w, row, row + layout.inFeatures) / 254;
      } else {
        const std::int64_t start = k / 64 * 64;
        const std::int64_t block = (n * layout.rowCodes() + k) / 64;
        const double step = view.scales[1 + block / 256];
        const std::int64_t end = std::min<std::int64_t>(start + 64, layout.inFeatures);
        promised = absmaxOf(w, row + start, row + end) * kHalfStepNf4 + step / 2;
      }
      const double value = ops::toFloat(got[at]);
      promised += std::fabs(value) * kRounding + (std::fabs(w[at]) + promised) * kFloat;
      const double error = std::fabs(value - static_cast<double>(w[at]));
      worst = std::fmax(worst, error == 0 ? 0 : error / promised);
    }
  }
  return worst;
}

// The largest |absmax - what is kept of it| in units of half a step.
double worstAbsmax(const std::vector<float>& w, const QuantizedView& view) {
  const QuantizedLayout& layout = view.layout;
  double worst = 0;
  double sum = 0;
  for (std::int64_t block = 0; block < layout.blocks(); ++block) {
    const std::int64_t place = block * 64;
    const std::int64_t row = place / layout.rowCodes() * layout.inFeatures;
    const std::int64_t k = place % layout.rowCodes();
    const double absmax = absmaxOf(w, row + k, row + std::min<std::int64_t>(k + 64, layout.inFeatures));
    const double promised = view.scales[1 + block / 256] / 2 + (absmax + view.scales[0]) * kFloat;
    const double error = std::fabs(absmax - static_cast<double>(ops::nf4Absmax(view, block)));
    worst = std::fmax(worst, error == 0 ? 0 : error / promised);
    sum += absmax;
  }
  const double mean = sum / static_cast<double>(layout.blocks());
  return std::fmax(worst, std::fabs(view.scales[0] - mean) <= mean * kFloat ? 0 : INFINITY);
}

// Elements of all panels that are not the reference's, or 0 in the padding; for both directions and the current build.
double wrongInPanels(const QuantizedView& view, const std::vector<Bf16>& expected) {
  const QuantizedLayout& layout = view.layout;
  const bool pairs = ops::currentIsa() >= ops::Isa::avx512bf16;
  double wrong = 0;
  for (const bool backward : {false, true}) {
    const std::int64_t rows = backward ? layout.outFeatures : layout.inFeatures;
    const std::int64_t columns = backward ? layout.inFeatures : layout.outFeatures;
    const std::int64_t padded = pairs ? (rows + 31) / 32 * 32 : rows;
    std::vector<Bf16> panel(static_cast<std::size_t>(padded * 64));
    for (std::int64_t p = 0; p * 64 < columns; ++p) {
      std::fill(panel.begin(), panel.end(), ops::toBf16(9.0F));
      ops::dequantize_panel({view, backward, p, panel.data()});
      for (std::int64_t r = 0; r < padded; ++r) {
        for (std::int64_t c = 0; c < 64; ++c) {
          const std::int64_t column = p * 64 + c;
          const Bf16 got = panel[static_cast<std::size_t>(pairs ? (r / 2 * 64 + c) * 2 + r % 2 : r * 64 + c)];
          float value = 0.0F;
          if (r < rows && column < columns) {
            const std::int64_t at = backward ? r * columns + column : column * rows + r;
            value = ops::toFloat(expected[static_cast<std::size_t>(at)]);
          }
          wrong += ops::toFloat(got) == value ? 0 : 1;
        }
      }
    }
  }
  return wrong;
}

// x with Phi(x) = p
double normalQuantile(double p) {
  double low = -10;
  double high = 10;
  for (int i = 0; i < 200; ++i) {
    const double middle = (low + high) / 2;
    (0.5 * std::erfc(-middle / std::sqrt(2.0)) < p ? low : high) = middle;
  }
  return low;
}

// QLoRA, section 3 and appendix E: 8 quantiles below 0 and 9 from 0 on, each half evenly spaced from 1/2 to the mean of
// 1 - 1/32 and 1 - 1/30, divided by the largest.
double worstNf4() {
  const double offset = 1 - (1.0 / 32 + 1.0 / 30) / 2;
  std::vector<double> values{0};
  for (int i = 0; i < 8; ++i) values.push_back(normalQuantile(offset + (0.5 - offset) * i / 8));
  for (int i = 0; i < 7; ++i) values.push_back(-normalQuantile(offset + (0.5 - offset) * i / 7));
  std::sort(values.begin(), values.end());
  double worst = values.size() == 16 ? 0 : INFINITY;
  for (std::size_t i = 0; i < 16; ++i) {
    worst = std::fmax(worst, std::fabs(values[i] / values.back() - static_cast<double>(ops::kNf4[i])));
  }
  return worst;
}

void checkFormat(ops::Quantization format, const Shape& shape, const char* values, const std::vector<float>& w,
                 const Report& report) {
  const std::string op = format == ops::Quantization::int8 ? "quantize int8" : "quantize nf4";
  const std::string name = nameOf(shape, values);
  const QuantizedMatrix matrix(w.data(), {format, shape.out, shape.in});
  const QuantizedView view = matrix.view();
  std::vector<Bf16> got(w.size());
  ops::ref::dequantize(view, got.data());
  report(op, "bound", name, worstError(w, view, got), 1);
  if (format == ops::Quantization::nf4) report(op, "double quantization", name, worstAbsmax(w, view), 1);
  double wrong = 0;
  for (const ops::Isa isa : ops::kIsas) {
    if (!ops::isSupported(isa)) continue;
    ops::setIsa(isa);
    wrong += wrongInPanels(view, got);
  }
  report(op, "panels", name, wrong, 0);
  const std::vector<Bf16> rounded = toBf16(w);
  const QuantizedMatrix fromBits(rounded.data(), view.layout);
  const QuantizedMatrix fromFloats(toFloats(rounded).data(), view.layout);
  report(op, "bits", name,
         std::equal(fromBits.view().codes, fromBits.view().codes + fromBits.bytes(), fromFloats.view().codes) ? 0 : 1,
         0);
}

}  // namespace

void checkQuantization(const Report& report) {
  for (const ops::Quantization format : {ops::Quantization::int8, ops::Quantization::nf4}) {
    for (const Shape& shape :
         {Shape{1, 1}, Shape{5, 64}, Shape{64, 172}, Shape{67, 100}, Shape{172, 65}, Shape{300, 31}, Shape{130, 512}}) {
      checkFormat(format, shape, "normal", normalWeights(shape), report);
      checkFormat(format, shape, "uneven", unevenWeights(shape), report);
    }
    const std::string op = format == ops::Quantization::int8 ? "quantize int8" : "quantize nf4";
    const float broken[6] = {1.0F, 2.0F, 3.0F, 4.0F, 5.0F, NAN};
    const bool found = ops::rowNotFinite(broken, 3, 2) == 2 && ops::rowNotFinite(broken, 2, 2) == -1 &&
                       ops::rowNotFinite(toBf16({1.0F, INFINITY}).data(), 2, 1) == 1;
    report(op, "not finite", "the row of a weight that is not", found ? 0 : 1, 0);
    // Bits a weight: 8 and a scale a row; 4 + 8/64 + 32/(64 256), the 0.127 of QLoRA, and the offset
    const QuantizedLayout large{format, 4096, 4096};
    const double bits = static_cast<double>(large.bytes()) * 8 / (4096.0 * 4096.0);
    const double promised = format == ops::Quantization::int8 ? 8 + 32.0 / 4096 : 4 + 8.0 / 64 + 32.0 / (64 * 256);
    report(op, "size", "[4096,4096]", std::fabs(bits - promised), 1e-4);
  }
  report("quantize nf4", "table", "quantiles of the normal distribution", worstNf4(), 1e-6);
}

}  // namespace loratwin::test
