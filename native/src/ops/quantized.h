// Frozen weights in 8 or 4 bits. What a product multiplies is value(code) scale, rounded once to bfloat16, the same for
// both directions, every build and every processor.
//
//   W [N,K] row major; a row's codes are padded to P = K rounded up to 64, padding has the value 0
//   int8  codes [N,P] in -127 .. 127, value c; scale [N] f32 = absmax of the row / 127. |w - w'| <= absmax / 254
//         (vector-wise, LLM.int8(): Dettmers et al. 2022, section 3)
//   nf4   codes of kNf4, the nearest to w / absmax; absmax of each 64 neighbours of a row. |w - w'| <= 0.152 absmax,
//         half of the widest gap. In each 32 codes byte i holds code i in its low half, i + 16 in its high one: [N,P/2]
//         absmax [N P/64] is itself kept in 8 bits: a = offset + c step[block / 256] with c in -127 .. 127, offset the
//         mean of all absmax, step the largest |absmax - offset| of 256 blocks / 127. 4.127 bits a weight
//         (double quantization: Dettmers et al. 2023, QLoRA, section 3; its second codes are 8-bit floats)
// |...| are before the last rounding, which adds 2^-8 |w'| at most; nf4's second codes add step / 2.
#pragma once

#include <cstddef>
#include <cstdint>

#include "aligned_memory.h"
#include "bf16.h"

namespace loratwin::ops {

enum class Quantization { int8, nf4 };

constexpr std::int64_t kQuantBlock = 64;        // weights that share an nf4 absmax
constexpr std::int64_t kQuantSuperBlock = 256;  // absmax that share a step

// NormalFloat of 4 bits: QLoRA, appendix E.
inline constexpr float kNf4[16] = {-1.0F,
                                   -0.6961928009986877F,
                                   -0.5250730514526367F,
                                   -0.39491748809814453F,
                                   -0.28444138169288635F,
                                   -0.18477343022823334F,
                                   -0.09105003625154495F,
                                   0.0F,
                                   0.07958029955625534F,
                                   0.16093020141124725F,
                                   0.24611230194568634F,
                                   0.33791524171829224F,
                                   0.44070982933044434F,
                                   0.5626170039176941F,
                                   0.7229568362236023F,
                                   1.0F};
constexpr std::uint8_t kNf4Zero = 7;

// Where the parts of a quantized matrix lie; each starts on a cache line.
struct QuantizedLayout {
  Quantization format;
  std::int32_t outFeatures;  // N
  std::int32_t inFeatures;   // K

  constexpr std::int64_t rowCodes() const { return (inFeatures + kQuantBlock - 1) / kQuantBlock * kQuantBlock; }  // P
  constexpr std::int64_t rowBytes() const { return format == Quantization::int8 ? rowCodes() : rowCodes() / 2; }
  constexpr std::int64_t blocks() const { return outFeatures * (rowCodes() / kQuantBlock); }
  constexpr std::int64_t superBlocks() const { return (blocks() + kQuantSuperBlock - 1) / kQuantSuperBlock; }
  constexpr std::size_t codeBytes() const { return lines(outFeatures * rowBytes()); }
  constexpr std::size_t absmaxBytes() const { return format == Quantization::int8 ? 0 : lines(blocks()); }
  // int8: the rows' scales. nf4: the offset, then the steps.
  constexpr std::size_t scaleBytes() const {
    return lines((format == Quantization::int8 ? outFeatures : 1 + superBlocks()) * 4);
  }
  constexpr std::size_t bytes() const { return codeBytes() + absmaxBytes() + scaleBytes(); }

 private:
  static constexpr std::size_t lines(std::int64_t bytes) { return static_cast<std::size_t>((bytes + 63) / 64 * 64); }
};

// A view of the parts.
struct QuantizedView {
  QuantizedLayout layout;
  const std::uint8_t* codes;
  const std::int8_t* absmax;  // nf4
  const float* scales;
};

// The parts in one piece of memory, one after the other.
inline QuantizedView quantizedView(const QuantizedLayout& layout, const std::byte* parts) {
  const std::byte* const absmax = parts + layout.codeBytes();
  return {layout, reinterpret_cast<const std::uint8_t*>(parts), reinterpret_cast<const std::int8_t*>(absmax),
          reinterpret_cast<const float*>(absmax + layout.absmaxBytes())};
}

// One rounding, also where the compiler or the processor would rather multiply and add.
inline float nf4Absmax(const QuantizedView& w, std::int64_t block) {
  return __builtin_fmaf(static_cast<float>(w.absmax[block]), w.scales[1 + block / kQuantSuperBlock], w.scales[0]);
}

// The first row of w [N,K] with a weight that is not finite; -1: none.
template <class Store>
std::int64_t rowNotFinite(const Store* w, std::int32_t outFeatures, std::int32_t inFeatures);

class QuantizedMatrix {
 public:
  // `w` [N,K], all finite, is read during construction only.
  template <class Store>
  QuantizedMatrix(const Store* w, QuantizedLayout layout);
  QuantizedView view() const { return quantizedView(layout_, storage_.data()); }
  std::size_t bytes() const { return storage_.bytes(); }

 private:
  QuantizedLayout layout_;
  AlignedMemory storage_;
};

namespace ref {
// out [N,K]: what products multiply
void dequantize(const QuantizedView& w, Bf16* out);
}  // namespace ref

}  // namespace loratwin::ops
