#include "quantized.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace loratwin::ops {

namespace {

constexpr float kLargestCode = 127.0F;

float widened(float x) { return x; }
float widened(Bf16 x) { return toFloat(x); }

// The nearest of -127 .. 127 to x / unit, ties to even.
std::int8_t wholeCode(float x, float unit) {
  if (unit == 0.0F) return 0;
  constexpr float kWhole = 12582912.0F;  // 1.5 * 2^23: adding it rounds to a whole number
  const float whole = (x / unit + kWhole) - kWhole;
  return static_cast<std::int8_t>(std::min(std::max(whole, -kLargestCode), kLargestCode));
}

// Of each x / largest the nearest of kNf4, the lower one at equal distance: how many middles lie below. Loops that a
// compiler turns into vectors.
void nf4Codes(const float* x, std::int64_t count, float largest, std::int32_t* codes) {
  float scaled[kQuantBlock];
  for (std::int64_t i = 0; i < count; ++i) {
    scaled[i] = x[i] / largest;
    codes[i] = 0;
  }
  for (int j = 0; j < 15; ++j) {
    const float middle = 0.5F * (kNf4[j] + kNf4[j + 1]);
    for (std::int64_t i = 0; i < count; ++i) codes[i] += scaled[i] > middle ? 1 : 0;
  }
}

float largestMagnitude(const float* values, std::int64_t count) {
  float largest = 0.0F;
  for (std::int64_t i = 0; i < count; ++i) largest = std::max(largest, std::fabs(values[i]));
  return largest;
}

void quantizeInt8Row(const float* row, std::int64_t n, const QuantizedLayout& layout, std::uint8_t* codes,
                     float* scales) {
  scales[n] = largestMagnitude(row, layout.inFeatures) / kLargestCode;
  for (std::int64_t k = 0; k < layout.inFeatures; ++k) {
    codes[n * layout.rowBytes() + k] = static_cast<std::uint8_t>(wholeCode(row[k], scales[n]));
  }
}

void quantizeNf4Row(const float* row, std::int64_t n, const QuantizedLayout& layout, std::uint8_t* codes,
                    float* absmax) {
  for (std::int64_t start = 0; start < layout.rowCodes(); start += kQuantBlock) {
    const std::int64_t count = std::min<std::int64_t>(kQuantBlock, layout.inFeatures - start);
    const float largest = largestMagnitude(row + start, count);
    absmax[(n * layout.rowCodes() + start) / kQuantBlock] = largest;
    std::int32_t whole[kQuantBlock];
    std::fill(whole, whole + kQuantBlock, kNf4Zero);
    if (largest > 0.0F) nf4Codes(row + start, count, largest, whole);
    std::uint8_t* const bytes = codes + n * layout.rowBytes() + start / 2;
    for (std::int64_t i = 0; i < kQuantBlock / 2; ++i) {
      const std::int64_t low = i / 16 * 32 + i % 16;
      bytes[i] = static_cast<std::uint8_t>(whole[low] | whole[low + 16] << 4);
    }
  }
}

void quantizeAbsmax(const std::vector<float>& absmax, std::int8_t* codes, float* scales) {
  double sum = 0;
  for (const float value : absmax) sum += value;
  const float offset = absmax.empty() ? 0.0F : static_cast<float>(sum / static_cast<double>(absmax.size()));
  scales[0] = offset;
  for (std::size_t first = 0; first < absmax.size(); first += kQuantSuperBlock) {
    const std::size_t last = std::min(absmax.size(), first + kQuantSuperBlock);
    float largest = 0.0F;
    for (std::size_t i = first; i < last; ++i) largest = std::max(largest, std::fabs(absmax[i] - offset));
    const float step = largest / kLargestCode;
    scales[1 + first / kQuantSuperBlock] = step;
    for (std::size_t i = first; i < last; ++i) codes[i] = wholeCode(absmax[i] - offset, step);
  }
}

}  // namespace

template <class Store>
std::int64_t rowNotFinite(const Store* w, std::int32_t outFeatures, std::int32_t inFeatures) {
  for (std::int64_t i = 0; i < std::int64_t{outFeatures} * inFeatures; ++i) {
    if (!std::isfinite(widened(w[i]))) return i / inFeatures;
  }
  return -1;
}

template std::int64_t rowNotFinite(const float*, std::int32_t, std::int32_t);
template std::int64_t rowNotFinite(const Bf16*, std::int32_t, std::int32_t);

template <class Store>
QuantizedMatrix::QuantizedMatrix(const Store* w, QuantizedLayout layout) : layout_(layout), storage_(layout.bytes()) {
  std::uint8_t* const codes = reinterpret_cast<std::uint8_t*>(storage_.data());
  std::int8_t* const absmaxCodes = reinterpret_cast<std::int8_t*>(codes + layout.codeBytes());
  float* const scales = reinterpret_cast<float*>(codes + layout.codeBytes() + layout.absmaxBytes());
  std::vector<float> row(static_cast<std::size_t>(layout.inFeatures));
  std::vector<float> absmax(layout.format == Quantization::nf4 ? static_cast<std::size_t>(layout.blocks()) : 0);
  for (std::int64_t n = 0; n < layout.outFeatures; ++n) {
    for (std::int64_t k = 0; k < layout.inFeatures; ++k) {
      row[static_cast<std::size_t>(k)] = widened(w[n * layout.inFeatures + k]);
    }
    if (layout.format == Quantization::int8) {
      quantizeInt8Row(row.data(), n, layout, codes, scales);
    } else {
      quantizeNf4Row(row.data(), n, layout, codes, absmax.data());
    }
  }
  if (layout.format == Quantization::nf4) quantizeAbsmax(absmax, absmaxCodes, scales);
}

template QuantizedMatrix::QuantizedMatrix(const float*, QuantizedLayout);
template QuantizedMatrix::QuantizedMatrix(const Bf16*, QuantizedLayout);

}  // namespace loratwin::ops
