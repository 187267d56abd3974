// The portable layer of src/cuda/simt.h as a C++ compiler sees it: CUDA's words mean calls into the emulation. Included
// by simt.h only. __shared__ stays undefined, so that a bare use does not compile.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>

#include "emulation/operations.h"
#include "emulation/streams.h"

#define __global__
#define __launch_bounds__(...)
// Always, so that a report has the whole chain of callers.
#define SIMT_DEVICE [[gnu::always_inline]] inline
#define SIMT_UNROLL
// The key's address is this array's alone, for each instantiation of a template too.
#define SIMT_SHARED(type, name, extents) \
  using name##Shared = type extents;     \
  static const char name##Key = 0;       \
  name##Shared& name =                   \
      *static_cast<name##Shared*>(::loratwin::emulation::sharedArray(&name##Key, sizeof(name##Shared), #name))
#define SIMT_DYNAMIC_SHARED(type, name) type* const name = static_cast<type*>(::loratwin::emulation::dynamicShared())

#define threadIdx (::loratwin::emulation::threadIndex())
#define blockIdx (::loratwin::emulation::blockIndex())
#define blockDim (::loratwin::emulation::blockExtent())
#define gridDim (::loratwin::emulation::gridExtent())

struct alignas(16) uint4 {
  std::uint32_t x, y, z, w;
};
struct alignas(8) uint2 {
  std::uint32_t x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};

inline void __syncthreads(loratwin::emulation::Site site = loratwin::emulation::Site::current()) {
  loratwin::emulation::syncBlock(site);
}
inline void __syncwarp(unsigned mask = 0xffffffffU,
                       loratwin::emulation::Site site = loratwin::emulation::Site::current()) {
  loratwin::emulation::syncWarp(mask, site);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int laneMask,
                  loratwin::emulation::Site site = loratwin::emulation::Site::current()) {
  return loratwin::emulation::shuffle(mask, value, {loratwin::emulation::ShuffleKind::exclusiveOr, laneMask}, site);
}
template <class T>
T __shfl_sync(unsigned mask, T value, int lane, loratwin::emulation::Site site = loratwin::emulation::Site::current()) {
  return loratwin::emulation::shuffle(mask, value, {loratwin::emulation::ShuffleKind::index, lane}, site);
}
inline unsigned __ballot_sync(unsigned mask, int predicate,
                              loratwin::emulation::Site site = loratwin::emulation::Site::current()) {
  return loratwin::emulation::ballot(mask, predicate != 0, site);
}
inline int __popc(unsigned bits) { return std::popcount(bits); }
inline float rsqrtf(float x) { return 1.0F / std::sqrt(x); }

namespace loratwin::cuda {

// Parameters are converted and copied when launched, as a real launch does.
template <class... Parameters, class... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), const LaunchShape& shape, Arguments&&... arguments) {
  struct Call {
    void (*kernel)(Parameters...);
    std::tuple<std::decay_t<Parameters>...> parameters;
  };
  const Call call{kernel, std::tuple<std::decay_t<Parameters>...>(std::forward<Arguments>(arguments)...)};
  emulation::give(shape.stream, [name, shape, call] {
    const auto invoke = [](const void* state) {
      const Call& made = *static_cast<const Call*>(state);
      std::apply(made.kernel, made.parameters);
    };
    emulation::launchBlocks(
        {name, {shape.blocks, shape.blocksY, 1}, shape.threads, shape.sharedBytes, invoke, &call, sizeof call});
  });
}

inline float bitsToFloat(std::uint32_t bits) { return std::bit_cast<float>(bits); }

// As cvt.rn does: to nearest, ties to even, every NaN becomes 0x7fff.
inline Bf16 bf16(float x) { return x == x ? ops::toBf16(x) : Bf16{0x7fff}; }

inline std::uint32_t packBf16(float low, float high) {
  return static_cast<std::uint32_t>(bf16(low).bits) | static_cast<std::uint32_t>(bf16(high).bits) << 16;
}

inline float exp2Approximate(float x) { return std::exp2(x); }

// Several neighbours in one access; the address is a multiple of their size. A compiler would take it apart.
template <class Vector>
SIMT_DEVICE Vector loadVector(const void* from, emulation::Site site = emulation::Site::current()) {
  Vector value;
  emulation::loadVector(&value, from, sizeof(Vector), site);
  return value;
}

template <class Vector>
SIMT_DEVICE void storeVector(void* to, Vector value, emulation::Site site = emulation::Site::current()) {
  emulation::storeVector(to, &value, sizeof(Vector), site);
}

inline void ldmatrixX4(std::uint32_t (&matrices)[4], const void* row,
                       emulation::Site site = emulation::Site::current()) {
  emulation::ldmatrix(matrices, row, false, site);
}
inline void ldmatrixX4Trans(std::uint32_t (&matrices)[4], const void* row,
                            emulation::Site site = emulation::Site::current()) {
  emulation::ldmatrix(matrices, row, true, site);
}
inline void mmaM16N8K16(float (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1,
                        emulation::Site site = emulation::Site::current()) {
  const std::uint32_t b[2] = {b0, b1};
  emulation::mma(d, a, b, site);
}
SIMT_DEVICE void cpAsync16(void* shared, const void* global, int sourceBytes,
                           emulation::Site site = emulation::Site::current()) {
  emulation::copyAsync(shared, global, sourceBytes, site);
}
inline void cpAsyncCommit() { emulation::commitCopies(); }
template <int kPending>
void cpAsyncWait() {
  emulation::waitCopies(kPending);
}

}  // namespace loratwin::cuda
