#include "cuda/adapter_norms.h"

#include "cuda/block_sum.h"
#include "cuda/rows.h"

namespace loratwin::cuda {

namespace {

constexpr int kThreads = 256;
constexpr int kRows = 4;  // of a block, for which A is read once

template <class Store>
__global__ void __launch_bounds__(kThreads) adapter_norms_kernel(AdapterNormsT<Store> op) {
  SIMT_SHARED(double, part, [kRows][kThreads / kWarp]);
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * kRows;
  double squares[kRows] = {};
  for (auto k = static_cast<std::int64_t>(threadIdx.x); k < op.inFeatures; k += kThreads) {
    float change[kRows] = {};
    for (std::int64_t r = 0; r < op.rank; ++r) {
      const float a = op.a[r * op.lda + k];
      SIMT_UNROLL
      for (int i = 0; i < kRows; ++i) {
        if (first + i < op.outFeatures) change[i] += op.b[(first + i) * op.ldb + r] * a;
      }
    }
    SIMT_UNROLL
    for (int i = 0; i < kRows; ++i) {
      if (first + i >= op.outFeatures) continue;
      const double value = static_cast<double>(f32(op.weight[(first + i) * op.inFeatures + k])) +
                           static_cast<double>(op.scale) * static_cast<double>(change[i]);
      squares[i] += value * value;
    }
  }
  SIMT_UNROLL
  for (int i = 0; i < kRows; ++i) {
    const double sum = blockSum<kThreads>(squares[i], part[i]);
    if (threadIdx.x != 0 || first + i >= op.outFeatures) continue;
    const float norm = sum > 0 ? static_cast<float>(sqrt(sum)) : 1.0F;
    op.norm[first + i] = norm;
    float& magnitude = op.magnitude[first + i];
    if (magnitude != magnitude) magnitude = norm;
  }
}

}  // namespace

template <class Store>
void adapter_norms(const AdapterNormsT<Store>& op, void* stream) {
  launch("adapter_norms", adapter_norms_kernel<Store>,
         {.blocks = blocksFor(op.outFeatures, kRows), .threads = kThreads, .stream = stream}, op);
}

template void adapter_norms(const AdapterNormsT<float>&, void*);
template void adapter_norms(const AdapterNormsT<Bf16>&, void*);

}  // namespace loratwin::cuda
