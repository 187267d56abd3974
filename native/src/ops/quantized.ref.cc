#include "quantized.h"

namespace loratwin::ops::ref {

void dequantize(const QuantizedView& w, Bf16* out) {
  const QuantizedLayout& layout = w.layout;
  for (std::int64_t n = 0; n < layout.outFeatures; ++n) {
    const std::uint8_t* const codes = w.codes + n * layout.rowBytes();
    for (std::int64_t k = 0; k < layout.inFeatures; ++k) {
      float value;
      if (layout.format == Quantization::int8) {
        value = static_cast<float>(static_cast<std::int8_t>(codes[k])) * w.scales[n];
      } else {
        const std::uint8_t byte = codes[k / 32 * 16 + k % 16];
        value = kNf4[k % 32 < 16 ? byte & 15 : byte >> 4] * nf4Absmax(w, (n * layout.rowCodes() + k) / kQuantBlock);
      }
      out[n * layout.inFeatures + k] = toBf16(value);
    }
  }
}

}  // namespace loratwin::ops::ref
