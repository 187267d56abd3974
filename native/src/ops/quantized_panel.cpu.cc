#include "quantized_panel.h"

#include "units.h"

namespace loratwin::ops::LORATWIN_ISA {

namespace {

constexpr std::int64_t kPanel = kQuantPanel;
constexpr std::int64_t kStep = 32;  // codes of a row that are read at once

struct Values {
  Vec low;   // 16 neighbours
  Vec high;  // the next 16
};

template <Quantization kFormat>
float scaleOf(const QuantizedView& w, std::int64_t n, std::int64_t k) {
  if constexpr (kFormat == Quantization::int8) {
    return w.scales[n];
  } else {
    return nf4Absmax(w, (n * w.layout.rowCodes() + k) / kQuantBlock);
  }
}

// Row n's weights k .. k + 31; k is a multiple of 32.
template <Quantization kFormat>
inline Values valuesOf(const QuantizedView& w, std::int64_t n, std::int64_t k, float scale) {
  const std::uint8_t* const codes = w.codes + n * w.layout.rowBytes();
  const Vec factor = set1(scale);
#if defined(LORATWIN_ISA_AVX512)
  const auto bytes = [](const std::uint8_t* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); };
  if constexpr (kFormat == Quantization::int8) {
    const auto whole = [&](std::int64_t at) { return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes(codes + at))); };
    return {whole(k) * factor, whole(k + kLanes) * factor};
  } else {
    // A permutation's index is the low four bits of a lane.
    const Vec table = load(kNf4);
    const __m512i pairs = _mm512_cvtepu8_epi32(bytes(codes + k / 2));
    return {_mm512_permutexvar_ps(pairs, table) * factor,
            _mm512_permutexvar_ps(_mm512_srli_epi32(pairs, 4), table) * factor};
  }
#elif defined(LORATWIN_ISA_AVX2)
  const auto bytes = [](const std::uint8_t* p) { return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)); };
  if constexpr (kFormat == Quantization::int8) {
    const auto eight = [&](std::int64_t at) { return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes(codes + at))); };
    return {Vec{eight(k), eight(k + 8)} * factor, Vec{eight(k + 16), eight(k + 24)} * factor};
  } else {
    // A permutation's index is the low three bits of a lane; the fourth, as a sign, chooses the half of the table.
    const Vec table = load(kNf4);
    const auto numbers = [&](__m256i code) {
      return _mm256_blendv_ps(_mm256_permutevar8x32_ps(table.low, code), _mm256_permutevar8x32_ps(table.high, code),
                              _mm256_castsi256_ps(_mm256_slli_epi32(code, 28)));
    };
    const __m256i left = _mm256_cvtepu8_epi32(bytes(codes + k / 2));
    const __m256i right = _mm256_cvtepu8_epi32(bytes(codes + k / 2 + 8));
    return {Vec{numbers(left), numbers(right)} * factor,
            Vec{numbers(_mm256_srli_epi32(left, 4)), numbers(_mm256_srli_epi32(right, 4))} * factor};
  }
#else
  float values[kStep];
  for (std::int64_t i = 0; i < kStep; ++i) {
    if constexpr (kFormat == Quantization::int8) {
      values[i] = static_cast<float>(static_cast<std::int8_t>(codes[k + i]));
    } else {
      const std::uint8_t byte = codes[k / 2 + i % kLanes];
      values[i] = kNf4[i < kLanes ? byte & 15 : byte >> 4];
    }
  }
  return {load(values) * factor, load(values + kLanes) * factor};
#endif
}

#if defined(LORATWIN_ISA_AVX512BF16)

inline void storePairs(Bf16* panel, std::int64_t row, std::int64_t column, __m512i pairs) {
  _mm512_storeu_si512(panel + row * kPanel + 2 * column, pairs);
}

// 32 rows k of the panel by 16 columns n, turned in registers.
template <Quantization kFormat>
void forwardPanel(const QuantizedView& w, std::int64_t first, Bf16* panel) {
  const std::int64_t left = w.layout.outFeatures - first;
  for (std::int64_t k = 0; k < w.layout.inFeatures; k += kStep) {
    for (std::int64_t column = 0; column < kPanel; column += kLanes) {
      __m512i block[kLanes];
#pragma GCC unroll 16
      for (std::int64_t i = 0; i < kLanes; ++i) {
        const std::int64_t n = first + column + i;
        block[i] = __m512i{};
        if (column + i >= left) continue;
        const Values values = valuesOf<kFormat>(w, n, k, scaleOf<kFormat>(w, n, k));
        block[i] = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(values.high, values.low));
      }
      transposeLanes(block);
#pragma GCC unroll 16
      for (std::int64_t j = 0; j < kLanes; ++j) storePairs(panel, k + 2 * j, column, block[j]);
    }
  }
}

// Two rows n of the panel at a time, columns k.
template <Quantization kFormat>
void backwardPanel(const QuantizedView& w, std::int64_t first, Bf16* panel) {
  const std::int64_t N = w.layout.outFeatures;
  std::int64_t n = 0;
  for (; n < N; n += 2) {
    const float even = scaleOf<kFormat>(w, n, first);
    const bool pair = n + 1 < N;
    const float odd = pair ? scaleOf<kFormat>(w, n + 1, first) : 0.0F;
#pragma GCC unroll 2
    for (std::int64_t column = 0; column < kPanel; column += kStep) {
      const Values a = valuesOf<kFormat>(w, n, first + column, even);
      const Values b = pair ? valuesOf<kFormat>(w, n + 1, first + column, odd) : Values{};
      storePairs(panel, n, column, pairLanes(a.low, b.low));
      storePairs(panel, n, column + kLanes, pairLanes(a.high, b.high));
    }
  }
  for (; n % kQuantPanelRows != 0; n += 2) {
    for (std::int64_t column = 0; column < kPanel; column += kLanes) storePairs(panel, n, column, __m512i{});
  }
}

#else

template <Quantization kFormat>
void forwardPanel(const QuantizedView& w, std::int64_t first, Bf16* panel) {
  const std::int64_t K = w.layout.inFeatures;
  for (std::int64_t column = 0; column < kPanel; ++column) {
    const std::int64_t n = first + column;
    for (std::int64_t k = 0; k < K; k += kStep) {
      Bf16 values[kStep] = {};
      if (n < w.layout.outFeatures) {
        const Values v = valuesOf<kFormat>(w, n, k, scaleOf<kFormat>(w, n, k));
        store(values, v.low);
        store(values + kLanes, v.high);
      }
      for (std::int64_t i = 0; i < kStep && k + i < K; ++i) panel[(k + i) * kPanel + column] = values[i];
    }
  }
}

template <Quantization kFormat>
void backwardPanel(const QuantizedView& w, std::int64_t first, Bf16* panel) {
  for (std::int64_t n = 0; n < w.layout.outFeatures; ++n) {
    const float scale = scaleOf<kFormat>(w, n, first);
    for (std::int64_t column = 0; column < kPanel; column += kStep) {
      const Values v = valuesOf<kFormat>(w, n, first + column, scale);
      store(panel + n * kPanel + column, v.low);
      store(panel + n * kPanel + column + kLanes, v.high);
    }
  }
}

#endif

template <Quantization kFormat>
void dequantizeAs(const DequantizePanel& op) {
  const std::int64_t first = op.panel * kPanel;
  if (op.backward) {
    backwardPanel<kFormat>(op.weight, first, op.out);
  } else {
    forwardPanel<kFormat>(op.weight, first, op.out);
  }
}

}  // namespace

void dequantize_panel(const DequantizePanel& op) {
  if (op.weight.layout.format == Quantization::int8) {
    dequantizeAs<Quantization::int8>(op);
  } else {
    dequantizeAs<Quantization::nf4>(op);
  }
}

}  // namespace loratwin::ops::LORATWIN_ISA
