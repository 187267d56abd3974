// cross_entropy: the loss of the scored rows and the gradient of their logits, by tiles of the vocabulary
//
//   l = z, or scale z, or with a softcap c tanh(scale z / c)
//   loss[t] = log sum_v exp l[t,v] - l[t, target[t]]
//   losses[s] = sum of loss[t] over rows offsets[s] .. offsets[s + 1]
//   dz[t,v] = lossScale[t] dl/dz (softmax(l[t,:])[v] - [v = target[t]]);  dl/dz = 1, or scale, or scale (1 - (l / c)^2)
//
//   A tile of logits is z [T, V'] stride ld, float32 or bfloat16: columns column .. column + V' of z. Its maker is a
//   matrix product that runs before each call, so that no more than one tile of z exists:
//     first pass   cross_entropy_tile for each tile, in order: the row's running maximum, sum and target's logit
//     then         cross_entropy_losses
//     second pass  the tiles once more, cross_entropy_gradient each: dz [T, V'] bfloat16 stride ldd, for the product
//                  with W
//   Both passes take the tanhs of z anew: to keep them would move more bytes.
//   state [T]: start = true overwrites it   targets [T], already shifted, -1 = not scored: dz is 0
//
//   head_logits, of rows [T, V] f32 without gaps: z becomes l in place, logSums[t] = log sum_v exp l[t,v]
//
//   f32 from f32 logits, sums of exponentials by 256 threads in a fixed order; losses in f64, likewise.
//   Relative error of a loss 1e-6; NMSE of dz against the reference 1e-5
//   Source: running maximum and sum, Milakov and Gimelshein 2018
#pragma once

#include <cstdint>

#include "ops/bf16.h"
#include "ops/logits_kind.h"

namespace loratwin::cuda {

struct CrossEntropyState {
  float max;
  float sum;  // of exp(l - max)
  float target;
};

template <class Store>
struct LogitsTileT {
  const Store* logits;  // z
  std::int64_t ld;
  std::int32_t rows;    // T
  std::int32_t column;  // first column's place in the vocabulary
  std::int32_t columns;
  const std::int32_t* targets;
  ops::LogitsKind kind{};
};
using LogitsTile = LogitsTileT<float>;
using LogitsTileBf16 = LogitsTileT<ops::Bf16>;

void cross_entropy_tile(const LogitsTile& tile, CrossEntropyState* state, bool start, void* stream);
void cross_entropy_tile(const LogitsTileBf16& tile, CrossEntropyState* state, bool start, void* stream);

void head_logits(float* logits, std::int32_t rows, std::int32_t columns, const ops::LogitsKind& kind, float* logSums,
                 void* stream);

// offsets [count + 1], losses [count] overwritten
void cross_entropy_losses(const CrossEntropyState* state, const std::int32_t* targets, const std::int32_t* offsets,
                          std::int32_t count, double* losses, void* stream);

// lossScale [T]
void cross_entropy_gradient(const LogitsTile& tile, const CrossEntropyState* state, const float* lossScale,
                            ops::Bf16* dz, std::int64_t ldd, void* stream);
void cross_entropy_gradient(const LogitsTile& tile, const CrossEntropyState* state, const float* lossScale, float* dz,
                            std::int64_t ldd, void* stream);
void cross_entropy_gradient(const LogitsTileBf16& tile, const CrossEntropyState* state, const float* lossScale,
                            ops::Bf16* dz, std::int64_t ldd, void* stream);

}  // namespace loratwin::cuda
