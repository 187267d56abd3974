// The portable layer as nvcc sees it: included by simt.h only.
#pragma once

#include <cuda_runtime.h>

#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

#define SIMT_DEVICE __device__ __forceinline__
#define SIMT_UNROLL _Pragma("unroll")
#define SIMT_SHARED(type, name, extents) __shared__ __align__(16) type name extents
#define SIMT_DYNAMIC_SHARED(type, name)                               \
  extern __shared__ __align__(128) unsigned char simtDynamicShared[]; \
  type* const name = reinterpret_cast<type*>(simtDynamicShared)

namespace loratwin::cuda {

static_assert(sizeof(Bf16) == 2 && alignof(Bf16) == 2);

inline void checkCuda(const char* name, cudaError_t status) {
  if (status != cudaSuccess) throw std::runtime_error(std::string(name) + ": " + cudaGetErrorString(status));
}

constexpr std::size_t kSharedWithoutAsking = 48 * 1024;

// Lets the kernel have so much dynamic shared memory on the device in use. CUDA is asked once for each kernel, device
// and larger size.
inline void allowShared(const char* name, const void* kernel, std::size_t bytes) {
  static std::mutex mutex;
  static std::map<std::pair<const void*, int>, std::size_t> allowed;
  int device = 0;
  checkCuda(name, cudaGetDevice(&device));
  const std::lock_guard lock(mutex);
  std::size_t& most = allowed[{kernel, device}];
  if (bytes <= most) return;
  checkCuda(name, cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes)));
  most = bytes;
}

// Throws std::runtime_error with the kernel's name when the launch is refused.
template <class... Parameters, class... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), const LaunchShape& shape, Arguments&&... arguments) {
  if (shape.sharedBytes > kSharedWithoutAsking) {
    allowShared(name, reinterpret_cast<const void*>(kernel), shape.sharedBytes);
  }
  kernel<<<dim3(shape.blocks, shape.blocksY), shape.threads, shape.sharedBytes,
           static_cast<cudaStream_t>(shape.stream)>>>(std::forward<Arguments>(arguments)...);
  checkCuda(name, cudaGetLastError());
}

SIMT_DEVICE float bitsToFloat(std::uint32_t bits) { return __uint_as_float(bits); }

SIMT_DEVICE Bf16 bf16(float x) {
  Bf16 result;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(result.bits) : "f"(x));
  return result;
}

SIMT_DEVICE std::uint32_t packBf16(float low, float high) {
  std::uint32_t result;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(result) : "f"(high), "f"(low));
  return result;
}

// 2^x, relative error 2^-22; denormal results are 0.
SIMT_DEVICE float exp2Approximate(float x) {
  float result;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
}

// Several neighbours in one access; the address is a multiple of their size.
template <class Vector>
SIMT_DEVICE Vector loadVector(const void* from) {
  return *static_cast<const Vector*>(from);
}

template <class Vector>
SIMT_DEVICE void storeVector(void* to, Vector value) {
  *static_cast<Vector*>(to) = value;
}

SIMT_DEVICE std::uint32_t sharedAddress(const void* pointer) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}

SIMT_DEVICE void ldmatrixX4(std::uint32_t (&matrices)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(matrices[0]), "=r"(matrices[1]), "=r"(matrices[2]), "=r"(matrices[3])
               : "r"(sharedAddress(row))
               : "memory");
}

SIMT_DEVICE void ldmatrixX4Trans(std::uint32_t (&matrices)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(matrices[0]), "=r"(matrices[1]), "=r"(matrices[2]), "=r"(matrices[3])
               : "r"(sharedAddress(row))
               : "memory");
}

SIMT_DEVICE void mmaM16N8K16(float (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, "
      "%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

SIMT_DEVICE void cpAsync16(void* shared, const void* global, int sourceBytes) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(sharedAddress(shared)),
               "l"(__cvta_generic_to_global(global)), "r"(sourceBytes)
               : "memory");
}

SIMT_DEVICE void cpAsyncCommit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

template <int kPending>
SIMT_DEVICE void cpAsyncWait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}

}  // namespace loratwin::cuda
