#include <stdexcept>
#include <string>

#include "adamw.h"
#include "attention.h"
#include "cached_attention.h"
#include "copy.h"
#include "embed.h"
#include "expert_rows.h"
#include "head_loss_rows.h"
#include "head_norm.h"
#include "isa.h"
#include "lora.h"
#include "magnitude.h"
#include "matmul_panels.h"
#include "quantized_panel.h"
#include "rmsnorm.h"
#include "rope.h"
#include "sum_squares.h"
#include "swiglu.h"
#include "temperature.h"
#include "token_rows.h"

namespace loratwin::ops {

#define LORATWIN_DECLARE_OPERATORS                                                                 \
  void adamw(ExecContext&, const Adamw&);                                                          \
  void attention(ExecContext&, const Attention&);                                                  \
  void attention(ExecContext&, const AttentionBf16&);                                              \
  void attention_backward(ExecContext&, const AttentionBackward&);                                 \
  void attention_backward(ExecContext&, const AttentionBackwardBf16&);                             \
  void cached_attention(ExecContext&, const CachedAttention&);                                     \
  void cached_attention(ExecContext&, const CachedAttentionBf16&);                                 \
  void combine(ExecContext&, const Combine&);                                                      \
  void combine(ExecContext&, const CombineBf16&);                                                  \
  void combine(ExecContext&, const CombineBf16F32&);                                               \
  void combine_backward(ExecContext&, const CombineBackward&);                                     \
  void combine_backward(ExecContext&, const CombineBackwardBf16&);                                 \
  void copy(ExecContext&, const Copy&);                                                            \
  void dequantize_panel(const DequantizePanel&);                                                   \
  void embed(ExecContext&, const EmbedBf16&);                                                      \
  void embed(ExecContext&, const Embed&);                                                          \
  void embed_tokens(ExecContext&, const EmbedTokensT<float>&);                                     \
  void embed_tokens(ExecContext&, const EmbedTokensT<float, Bf16>&);                               \
  void embed_tokens_backward(ExecContext&, const EmbedTokensBackward&);                            \
  void head_tokens(ExecContext&, const HeadTokensT<float>&);                                       \
  void head_tokens(ExecContext&, const HeadTokensT<float, Bf16>&);                                 \
  void head_tokens_take(ExecContext&, const HeadTokensT<float>&);                                  \
  void head_tokens_take(ExecContext&, const HeadTokensT<float, Bf16>&);                            \
  void head_tokens_backward(ExecContext&, const HeadTokensT<float>&);                              \
  void head_tokens_backward(ExecContext&, const HeadTokensT<float, Bf16>&);                        \
  void gather_rows(ExecContext&, const GatherRows&);                                               \
  void gather_rows(ExecContext&, const GatherRowsBf16&);                                           \
  void head_norm(ExecContext&, const HeadNorm&);                                                   \
  void head_norm(ExecContext&, const HeadNormBf16&);                                               \
  void head_norm_backward(ExecContext&, const HeadNormBackward&);                                  \
  void head_norm_backward(ExecContext&, const HeadNormBackwardBf16&);                              \
  void lora(ExecContext&, const Lora&);                                                            \
  void lora(ExecContext&, const LoraBf16&);                                                        \
  void lora(ExecContext&, const LoraBf16F32&);                                                     \
  void lora_backward(ExecContext&, const LoraBackward&);                                           \
  void lora_backward(ExecContext&, const LoraBackwardBf16&);                                       \
  void lora_backward(ExecContext&, const LoraBackwardBf16F32&);                                    \
  void magnitude(ExecContext&, const Magnitude&);                                                  \
  void magnitude(ExecContext&, const MagnitudeBf16&);                                              \
  void magnitude(ExecContext&, const MagnitudeBf16F32&);                                           \
  void magnitude_backward(ExecContext&, const MagnitudeBackward&);                                 \
  void magnitude_backward(ExecContext&, const MagnitudeBackwardBf16&);                             \
  void matmul_panels(const PanelProduct&);                                                         \
  void rmsnorm(ExecContext&, const RmsnormBf16&);                                                  \
  void rmsnorm(ExecContext&, const Rmsnorm&);                                                      \
  void rmsnorm(ExecContext&, const RmsnormOfBf16&);                                                \
  void rmsnorm(ExecContext&, const RmsnormOfBf16F32&);                                             \
  void rmsnorm_backward(ExecContext&, const RmsnormBackward&);                                     \
  void rmsnorm_backward(ExecContext&, const RmsnormBackwardOfBf16&);                               \
  void rope(ExecContext&, const Rope&);                                                            \
  void rope(ExecContext&, const RopeBf16&);                                                        \
  double sum_squares(ExecContext&, const float*, std::size_t);                                     \
  void swiglu(ExecContext&, const SwigluBf16&);                                                    \
  void swiglu_backward(ExecContext&, const SwigluBackwardBf16&);                                   \
  void swiglu(ExecContext&, const Swiglu&);                                                        \
  void swiglu_backward(ExecContext&, const SwigluBackward&);                                       \
  void temperature(ExecContext&, const Temperature&);                                              \
  void temperature(ExecContext&, const TemperatureBf16&);                                          \
  double head_loss_row(float*, std::int64_t, std::int32_t, float, RowGradient, const LogitsKind&); \
  double logits_row(float*, std::int64_t, const LogitsKind&);

namespace generic {
LORATWIN_DECLARE_OPERATORS
}

#if LORATWIN_WIDEST_ISA >= 1
namespace avx2 {
LORATWIN_DECLARE_OPERATORS
}
#endif
#if LORATWIN_WIDEST_ISA >= 2
namespace avx512 {
LORATWIN_DECLARE_OPERATORS
}
namespace avx512bf16 {
LORATWIN_DECLARE_OPERATORS
}
#if LORATWIN_WIDEST_ISA >= 4
namespace amxbf16 {
LORATWIN_DECLARE_OPERATORS
}
#else
namespace amxbf16 = avx512bf16;
#endif
#define LORATWIN_PICK(call)                    \
  (isa == Isa::amxbf16      ? amxbf16::call    \
   : isa == Isa::avx512bf16 ? avx512bf16::call \
   : isa == Isa::avx512     ? avx512::call     \
   : isa == Isa::avx2       ? avx2::call       \
                            : generic::call)
#elif LORATWIN_WIDEST_ISA == 1
#define LORATWIN_PICK(call) (isa == Isa::avx2 ? avx2::call : generic::call)
#else
#define LORATWIN_PICK(call) generic::call
#endif

namespace {

Isa isa = bestIsa();

[[noreturn]] void refuse(const std::string& message) { throw std::invalid_argument(message); }

template <class Op>
void checkLora(const char* name, const Op& op) {
  if (op.count < 1 || op.count > kLoraProjections) {
    refuse(std::string(name) + ": Expected 1 .. " + std::to_string(kLoraProjections) + " projections, got " +
           std::to_string(op.count));
  }
  const LoraSegments& first = op.projections[0].segments;
  for (std::int32_t p = 0; p < op.count; ++p) {
    const LoraSegments& segments = op.projections[p].segments;
    const std::string at = " in projection " + std::to_string(p);
    if (segments.count != first.count) {
      refuse(std::string(name) + ": Expected " + std::to_string(first.count) + " segments" + at + ", got " +
             std::to_string(segments.count));
    }
    for (std::int32_t i = 0; i < segments.count; ++i) {
      const LoraSegment& g = segments.items[i];
      const LoraSegment& same = first.items[i];
      if (g.rowStart != same.rowStart || g.rowEnd != same.rowEnd || g.dropout != same.dropout) {
        refuse(std::string(name) + ": Expected segment " + std::to_string(i) + at + " to have rows " +
               std::to_string(same.rowStart) + " .. " + std::to_string(same.rowEnd) + " and dropout " +
               std::to_string(same.dropout) + " as in projection 0, got " + std::to_string(g.rowStart) + " .. " +
               std::to_string(g.rowEnd) + " and " + std::to_string(g.dropout));
      }
      if (g.a != nullptr && g.dropout > 0.0F && segments.rowKeys == nullptr) {
        refuse(std::string(name) + ": Expected rowKeys for segment " + std::to_string(i) + " with dropout " +
               std::to_string(g.dropout) + ", got none");
      }
    }
  }
}

void checkIds(const std::int32_t* ids, std::int32_t rows, std::int32_t vocabulary) {
  for (std::int32_t t = 0; t < rows; ++t) {
    if (ids[t] < 0 || ids[t] >= vocabulary) {
      refuse("embed: Expected ids of 0 .. " + std::to_string(vocabulary - 1) + ", got " + std::to_string(ids[t]) +
             " at row " + std::to_string(t) + " of [" + std::to_string(rows) + "]");
    }
  }
}

// `list`: pairs of places, or places of pairs
template <class Op>
void checkPlaces(const char* name, const std::int32_t* list, const Op& op) {
  const std::int64_t count = std::int64_t{op.rows} * op.perRow;
  for (std::int64_t i = 0; i < count; ++i) {
    if (list[i] < 0 || list[i] >= count) {
      refuse(std::string(name) + ": Expected numbers of 0 .. " + std::to_string(count - 1) + ", got " +
             std::to_string(list[i]) + " at " + std::to_string(i));
    }
  }
}

void checkTurned(std::int32_t headDim, std::int32_t turned) {
  if (headDim % 2 != 0 || headDim > 1024)
    refuse("rope: Expected an even headDim of at most 1024, got " + std::to_string(headDim));
  if (turned < 1 || turned > headDim / 2) {
    refuse("rope: Expected 1 .. " + std::to_string(headDim / 2) + " frequencies, got " + std::to_string(turned));
  }
}

}  // namespace

Isa currentIsa() { return isa; }

void setIsa(Isa wanted) {
  if (!isSupported(wanted)) refuse(std::string("setIsa: Expected an ISA of this processor, got ") + isaName(wanted));
  isa = wanted;
}

double clipCoefficient(double norm, double maxNorm) {
  if (maxNorm == 0) return 1;
  const double coefficient = maxNorm / (norm + 1e-6);
  return coefficient < 1 ? coefficient : 1;
}

void adamw(ExecContext& context, const Adamw& op) { LORATWIN_PICK(adamw(context, op)); }

void attention(ExecContext& context, const Attention& op) { LORATWIN_PICK(attention(context, op)); }

void attention(ExecContext& context, const AttentionBf16& op) { LORATWIN_PICK(attention(context, op)); }

void attention_backward(ExecContext& context, const AttentionBackward& op) {
  LORATWIN_PICK(attention_backward(context, op));
}

void attention_backward(ExecContext& context, const AttentionBackwardBf16& op) {
  LORATWIN_PICK(attention_backward(context, op));
}

void cached_attention(ExecContext& context, const CachedAttention& op) { LORATWIN_PICK(cached_attention(context, op)); }

void cached_attention(ExecContext& context, const CachedAttentionBf16& op) {
  LORATWIN_PICK(cached_attention(context, op));
}

void combine(ExecContext& context, const Combine& op) {
  checkPlaces("combine", op.places, op);
  LORATWIN_PICK(combine(context, op));
}

void combine(ExecContext& context, const CombineBf16& op) {
  checkPlaces("combine", op.places, op);
  LORATWIN_PICK(combine(context, op));
}

void combine(ExecContext& context, const CombineBf16F32& op) {
  checkPlaces("combine", op.places, op);
  LORATWIN_PICK(combine(context, op));
}

void combine_backward(ExecContext& context, const CombineBackward& op) {
  checkPlaces("combine_backward", op.places, op);
  LORATWIN_PICK(combine_backward(context, op));
}

void combine_backward(ExecContext& context, const CombineBackwardBf16& op) {
  checkPlaces("combine_backward", op.places, op);
  LORATWIN_PICK(combine_backward(context, op));
}

void copy(ExecContext& context, const Copy& op) { LORATWIN_PICK(copy(context, op)); }

void dequantize_panel(const DequantizePanel& op) { LORATWIN_PICK(dequantize_panel(op)); }

void embed(ExecContext& context, const Embed& op) {
  checkIds(op.ids, op.rows, op.vocabulary);
  LORATWIN_PICK(embed(context, op));
}

void embed(ExecContext& context, const EmbedBf16& op) {
  checkIds(op.ids, op.rows, op.vocabulary);
  LORATWIN_PICK(embed(context, op));
}

void gather_rows(ExecContext& context, const GatherRows& op) {
  checkPlaces("gather_rows", op.order, op);
  LORATWIN_PICK(gather_rows(context, op));
}

void gather_rows(ExecContext& context, const GatherRowsBf16& op) {
  checkPlaces("gather_rows", op.order, op);
  LORATWIN_PICK(gather_rows(context, op));
}

void head_norm(ExecContext& context, const HeadNorm& op) { LORATWIN_PICK(head_norm(context, op)); }

void head_norm(ExecContext& context, const HeadNormBf16& op) { LORATWIN_PICK(head_norm(context, op)); }

void head_norm_backward(ExecContext& context, const HeadNormBackward& op) {
  LORATWIN_PICK(head_norm_backward(context, op));
}

void head_norm_backward(ExecContext& context, const HeadNormBackwardBf16& op) {
  LORATWIN_PICK(head_norm_backward(context, op));
}

void lora(ExecContext& context, const Lora& op) {
  checkLora("lora", op);
  LORATWIN_PICK(lora(context, op));
}

void lora(ExecContext& context, const LoraBf16& op) {
  checkLora("lora", op);
  LORATWIN_PICK(lora(context, op));
}

void lora(ExecContext& context, const LoraBf16F32& op) {
  checkLora("lora", op);
  LORATWIN_PICK(lora(context, op));
}

void lora_backward(ExecContext& context, const LoraBackward& op) {
  checkLora("lora_backward", op);
  LORATWIN_PICK(lora_backward(context, op));
}

void lora_backward(ExecContext& context, const LoraBackwardBf16& op) {
  checkLora("lora_backward", op);
  LORATWIN_PICK(lora_backward(context, op));
}

void lora_backward(ExecContext& context, const LoraBackwardBf16F32& op) {
  checkLora("lora_backward", op);
  LORATWIN_PICK(lora_backward(context, op));
}

void magnitude(ExecContext& context, const Magnitude& op) { LORATWIN_PICK(magnitude(context, op)); }

void magnitude(ExecContext& context, const MagnitudeBf16& op) { LORATWIN_PICK(magnitude(context, op)); }

void magnitude(ExecContext& context, const MagnitudeBf16F32& op) { LORATWIN_PICK(magnitude(context, op)); }

void magnitude_backward(ExecContext& context, const MagnitudeBackward& op) {
  LORATWIN_PICK(magnitude_backward(context, op));
}

void magnitude_backward(ExecContext& context, const MagnitudeBackwardBf16& op) {
  LORATWIN_PICK(magnitude_backward(context, op));
}

void matmul_panels(const PanelProduct& op) { LORATWIN_PICK(matmul_panels(op)); }

void rmsnorm(ExecContext& context, const Rmsnorm& op) { LORATWIN_PICK(rmsnorm(context, op)); }

void rmsnorm(ExecContext& context, const RmsnormBf16& op) { LORATWIN_PICK(rmsnorm(context, op)); }

void rmsnorm(ExecContext& context, const RmsnormOfBf16& op) { LORATWIN_PICK(rmsnorm(context, op)); }

void rmsnorm(ExecContext& context, const RmsnormOfBf16F32& op) { LORATWIN_PICK(rmsnorm(context, op)); }

void rmsnorm_backward(ExecContext& context, const RmsnormBackward& op) { LORATWIN_PICK(rmsnorm_backward(context, op)); }

void rmsnorm_backward(ExecContext& context, const RmsnormBackwardOfBf16& op) {
  LORATWIN_PICK(rmsnorm_backward(context, op));
}

void rope(ExecContext& context, const Rope& op) {
  checkTurned(op.headDim, op.turned);
  LORATWIN_PICK(rope(context, op));
}

void rope(ExecContext& context, const RopeBf16& op) {
  checkTurned(op.headDim, op.turned);
  LORATWIN_PICK(rope(context, op));
}

double sum_squares(ExecContext& context, const float* x, std::size_t count) {
  return LORATWIN_PICK(sum_squares(context, x, count));
}

void swiglu(ExecContext& context, const Swiglu& op) { LORATWIN_PICK(swiglu(context, op)); }

void swiglu(ExecContext& context, const SwigluBf16& op) { LORATWIN_PICK(swiglu(context, op)); }

void swiglu_backward(ExecContext& context, const SwigluBackwardBf16& op) {
  LORATWIN_PICK(swiglu_backward(context, op));
}

void swiglu_backward(ExecContext& context, const SwigluBackward& op) { LORATWIN_PICK(swiglu_backward(context, op)); }

void temperature(ExecContext& context, const Temperature& op) { LORATWIN_PICK(temperature(context, op)); }

void temperature(ExecContext& context, const TemperatureBf16& op) { LORATWIN_PICK(temperature(context, op)); }

void embed_tokens(ExecContext& context, const EmbedTokensT<float>& op) { LORATWIN_PICK(embed_tokens(context, op)); }

void embed_tokens(ExecContext& context, const EmbedTokensT<float, Bf16>& op) {
  LORATWIN_PICK(embed_tokens(context, op));
}

void embed_tokens_backward(ExecContext& context, const EmbedTokensBackward& op) {
  LORATWIN_PICK(embed_tokens_backward(context, op));
}

void head_tokens(ExecContext& context, const HeadTokensT<float>& op) { LORATWIN_PICK(head_tokens(context, op)); }

void head_tokens(ExecContext& context, const HeadTokensT<float, Bf16>& op) { LORATWIN_PICK(head_tokens(context, op)); }

void head_tokens_take(ExecContext& context, const HeadTokensT<float>& op) {
  LORATWIN_PICK(head_tokens_take(context, op));
}

void head_tokens_take(ExecContext& context, const HeadTokensT<float, Bf16>& op) {
  LORATWIN_PICK(head_tokens_take(context, op));
}

void head_tokens_backward(ExecContext& context, const HeadTokensT<float>& op) {
  LORATWIN_PICK(head_tokens_backward(context, op));
}

void head_tokens_backward(ExecContext& context, const HeadTokensT<float, Bf16>& op) {
  LORATWIN_PICK(head_tokens_backward(context, op));
}

double head_loss_row(float* z, std::int64_t vocabulary, std::int32_t target, float lossScale, RowGradient gradient,
                     const LogitsKind& kind) {
  return LORATWIN_PICK(head_loss_row(z, vocabulary, target, lossScale, gradient, kind));
}

double logits_row(float* z, std::int64_t vocabulary, const LogitsKind& kind) {
  return LORATWIN_PICK(logits_row(z, vocabulary, kind));
}

}  // namespace loratwin::ops
