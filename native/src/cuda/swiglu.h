// swiglu:           out = act(gate) up
// swiglu_backward:  dgate = dout up act'(gate),  dup = dout act(gate)
//
//   act of silu and gelu, and clamped, which has a form of its own: ops/swiglu.h
//   gateUp, dgateUp [T, 2I]: gate = columns 0 .. I, up = I .. 2I; strides ld, ldd   out, dout [T,I] strides ldo, lddo
//   row major, float32 or all bfloat16; arithmetic f32. dgateUp may be gateUp. NMSE against the reference: 1e-11 (f32),
//   6e-6 (bfloat16). Source: Shazeer 2020
#pragma once

#include <cstdint>

#include "ops/activation.h"
#include "ops/bf16.h"

namespace loratwin::cuda {

template <class Store>
struct SwigluT {
  const Store* gateUp;
  std::int64_t ld;
  Store* out;
  std::int64_t ldo;
  std::int32_t rows;          // T
  std::int32_t intermediate;  // I
  ops::Activation activation = ops::Activation::silu;
  float alpha = 1.0F;  // of clamped, both
  float limit = 1.0F;
};
using Swiglu = SwigluT<float>;
using SwigluBf16 = SwigluT<ops::Bf16>;

template <class Store>
struct SwigluBackwardT {
  const Store* gateUp;
  std::int64_t ld;
  const Store* dout;
  std::int64_t lddo;
  Store* dgateUp;
  std::int64_t ldd;
  std::int32_t rows;
  std::int32_t intermediate;
  ops::Activation activation = ops::Activation::silu;
  float alpha = 1.0F;  // of clamped, both
  float limit = 1.0F;
};
using SwigluBackward = SwigluBackwardT<float>;
using SwigluBackwardBf16 = SwigluBackwardT<ops::Bf16>;

void swiglu(const Swiglu& op, void* stream);
void swiglu(const SwigluBf16& op, void* stream);
void swiglu_backward(const SwigluBackward& op, void* stream);
void swiglu_backward(const SwigluBackwardBf16& op, void* stream);

}  // namespace loratwin::cuda
