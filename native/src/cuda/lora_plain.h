// lora_plain_...: the products of lora.h for any layout and for float32, a thread an element and no tensor cores
//
//   Formulas, shapes and segments as in lora.h; x, s, ds, dy, A, B float32 or bfloat16, y and dx float32 or bfloat16.
//   Bases, strides, columns and ranks are free. One segment an adapter: gradients are not shared.
//   What float32 training, and bfloat16 tensors whose rows are not 16-byte aligned, use; many times slower than lora.h.
//   Sums f32 in the order of the columns (s, ds), ranks (y, dx) and rows (dA, dB).
//   NMSE against the reference: 1e-11 (float32), 1e-5 (bfloat16)
#pragma once

#include "cuda/lora.h"

namespace loratwin::cuda {

template <class Store>
struct PlainLoraT {
  LoraRunT<Store> run;
  std::int32_t projections;
  std::int32_t perProjection;
  std::int32_t maxRows;  // of a segment: rows of the run, of which an expert has each once at most
  std::int32_t maxRank;
  std::int32_t maxFeatures;  // the largest N
};

template <class Store>
void lora_plain_xa(const PlainLoraT<Store>& op, const Store* x, std::int64_t ldx, void* stream);
template <class Store>
void lora_plain_dyb(const PlainLoraT<Store>& op, const Store* dy, std::int64_t lddy, void* stream);
template <class Store, class Out>
void lora_plain_sb(const PlainLoraT<Store>& op, Out* y, std::int64_t ldy, void* stream);
template <class Store, class Out>
void lora_plain_dsa(const PlainLoraT<Store>& op, Out* dx, std::int64_t lddx, void* stream);
template <class Store>
void lora_plain_dsx_dys(const PlainLoraT<Store>& op, const Store* x, std::int64_t ldx, const Store* dy,
                        std::int64_t lddy, void* stream);

}  // namespace loratwin::cuda
