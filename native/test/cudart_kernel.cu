// A kernel of any size of shared memory, launched as the others are.
#include "cuda/simt.h"

namespace loratwin::test {

namespace {

__global__ void double_kernel(float* values, int count) {
  SIMT_DYNAMIC_SHARED(float, shared);
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= count) return;
  shared[threadIdx.x] = values[i];
  values[i] = 2 * shared[threadIdx.x];
}

__global__ void other_kernel(float* values) { values[0] = 0; }

}  // namespace

void launchDouble(float* values, int count, std::size_t sharedBytes, void* stream) {
  cuda::launch("double", double_kernel, {.threads = 32, .sharedBytes = sharedBytes, .stream = stream}, values, count);
}

void launchOther(float* values, std::size_t sharedBytes, void* stream) {
  cuda::launch("other", other_kernel, {.sharedBytes = sharedBytes, .stream = stream}, values);
}

}  // namespace loratwin::test
