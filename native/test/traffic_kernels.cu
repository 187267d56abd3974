#include "traffic_kernels.h"

#include "cuda/simt.h"

namespace loratwin::test {

namespace {

using namespace cuda;

SIMT_DEVICE int lane() { return static_cast<int>(threadIdx.x); }

__global__ void copy_kernel(const float* x, float* y) {
  const std::size_t i = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x;
  y[i] = x[i];
}

__global__ void same_row_kernel(const float* x, float* y, int times) {
  float sum = 0.0F;
  for (int i = 0; i < times; ++i) sum += x[lane()];
  y[std::size_t{blockIdx.x} * blockDim.x + threadIdx.x] = sum;
}

__global__ void strided_kernel(const float* x, float* y) { y[lane()] = x[lane() * 8]; }

__global__ void divergent_kernel(const float* x, float* y) {
  float sum = 0.0F;
  for (int i = 0; i < (lane() < 16 ? 2 : 1); ++i) sum += x[i * kWarp + lane()];
  y[lane()] = sum;
}

__global__ void halves_kernel(float* y) {
  for (int half = 0; half < 2; ++half) {
    storeVector(y + lane() * 8 + half * 4, float4{1.0F, 1.0F, 1.0F, 1.0F});
  }
}

__global__ void shared_floats_kernel(int stride) {
  SIMT_SHARED(float, room, [kWarp * kWarp]);
  room[lane() * stride] = 1.0F;
}

__global__ void broadcast_kernel(float* y) {
  SIMT_SHARED(float, room, [1]);
  if (lane() == 0) room[0] = 1.0F;
  __syncwarp();
  y[lane()] = room[0];
}

__global__ void shared_vectors_kernel(int stride) {
  SIMT_SHARED(float, room, [kWarp * 8]);
  storeVector(room + lane() * stride, float4{1.0F, 1.0F, 1.0F, 1.0F});
}

__global__ void shared_pairs_kernel() {
  SIMT_SHARED(float, room, [kWarp * 2]);
  storeVector(room + lane() * 2, float2{1.0F, 1.0F});
}

__global__ void copy_async_kernel(const Bf16* x, int lanes) {
  SIMT_SHARED(Bf16, room, [kWarp * 8]);
  cpAsync16(room + lane() * 8, x + lane() * 8, lane() < lanes ? 16 : 0);
  cpAsyncCommit();
  cpAsyncWait<0>();
}

__global__ void matrices_kernel(float* y, int stride) {
  SIMT_SHARED(Bf16, room, [kWarp * 64]);
  for (int i = 0; i < 64; ++i) room[i * kWarp + lane()] = Bf16{0};
  __syncthreads();
  std::uint32_t matrices[4];
  ldmatrixX4(matrices, room + lane() * stride);
  y[lane()] = static_cast<float>(matrices[0]);
}

template <class... Parameters, class... Arguments>
void start(void (*kernel)(Parameters...), unsigned blocks, unsigned threads, Arguments... arguments) {
  launch("test", kernel, {.blocks = blocks, .threads = threads}, arguments...);
}

}  // namespace

void copyFloats(const float* x, float* y, unsigned blocks) { start(copy_kernel, blocks, 256, x, y); }
void sumRow(const float* x, float* y, unsigned blocks, int times) { start(same_row_kernel, blocks, 32, x, y, times); }
void gatherStrided(const float* x, float* y) { start(strided_kernel, 1, 32, x, y); }
void sumDivergent(const float* x, float* y) { start(divergent_kernel, 1, 32, x, y); }
void writeHalves(float* y) { start(halves_kernel, 1, 32, y); }
void storeShared(int stride) { start(shared_floats_kernel, 1, 32, stride); }
void loadBroadcast(float* y) { start(broadcast_kernel, 1, 32, y); }
void storeSharedVectors(int stride) { start(shared_vectors_kernel, 1, 32, stride); }
void storeSharedPairs() { start(shared_pairs_kernel, 1, 32); }
void copyPieces(const ops::Bf16* x, int lanes) { start(copy_async_kernel, 1, 32, x, lanes); }
void loadMatrices(float* y, int stride) { start(matrices_kernel, 1, 32, y, stride); }

}  // namespace loratwin::test
