// What is called of cuBLASLt, declared here so that building needs no cuBLAS. The numbers and layouts are those of
// cublasLt.h, cublas_api.h and library_types.h; native/test/cublaslt_header.cc compares them where the headers are
// there.
#pragma once

#include <cstddef>
#include <cstdint>

namespace loratwin::cuda::cublaslt {

using Handle = void*;
using Descriptor = void*;

// cublasLtMatmulAlgo_t and cublasLtMatmulHeuristicResult_t
struct Algorithm {
  std::uint64_t data[8];
};
struct HeuristicResult {
  Algorithm algorithm;
  std::size_t workspaceBytes;
  int state;
  float wavesCount;
  int reserved[4];
};
static_assert(sizeof(HeuristicResult) == 96);

// cudaDataType_t, cublasComputeType_t, cublasOperation_t and the attributes of cublasLt.h
constexpr int kFloat32 = 0;
constexpr int kBfloat16 = 14;
constexpr int kCompute32F = 68;
constexpr std::int32_t kNotTransposed = 0;
constexpr std::int32_t kTransposed = 1;
constexpr int kTransposeA = 3;         // std::int32_t
constexpr int kTransposeB = 4;         // std::int32_t
constexpr int kMaxWorkspaceBytes = 1;  // std::uint64_t
// Of each operand's first element, in bytes, std::uint32_t; 256 when not told.
constexpr int kMinAlignmentA = 5;
constexpr int kMinAlignmentB = 6;
constexpr int kMinAlignmentC = 7;
constexpr int kMinAlignmentD = 8;

struct Library {
  std::size_t (*getVersion)();
  const char* (*getStatusString)(int);
  int (*create)(Handle*);
  int (*destroy)(Handle);
  int (*descriptorCreate)(Descriptor*, int computeType, int scaleType);
  int (*descriptorSet)(Descriptor, int attribute, const void*, std::size_t);
  int (*descriptorDestroy)(Descriptor);
  int (*layoutCreate)(Descriptor*, int type, std::uint64_t rows, std::uint64_t columns, std::int64_t ld);
  int (*layoutDestroy)(Descriptor);
  int (*preferenceCreate)(Descriptor*);
  int (*preferenceSet)(Descriptor, int attribute, const void*, std::size_t);
  int (*preferenceDestroy)(Descriptor);
  int (*heuristic)(Handle, Descriptor, Descriptor a, Descriptor b, Descriptor c, Descriptor d, Descriptor preference,
                   int wanted, HeuristicResult*, int* found);
  int (*check)(Handle, Descriptor, Descriptor a, Descriptor b, Descriptor c, Descriptor d, const Algorithm*,
               HeuristicResult*);
  int (*matmul)(Handle, Descriptor, const void* alpha, const void* a, Descriptor, const void* b, Descriptor,
                const void* beta, const void* c, Descriptor, void* d, Descriptor, const Algorithm*, void* workspace,
                std::size_t workspaceBytes, void* stream);
};

// A version as cublasLtGetVersion() tells it, as major * 10000 + minor * 100 + patch. Up to 11.8 the library counts a
// major version as 1000 (CUBLAS_VERSION in cublas_api.h of 11.6.5 and of 11.9.2).
constexpr std::size_t comparableVersion(std::size_t told) {
  constexpr std::size_t kLeastOfTenThousands = 100'000;
  return told >= kLeastOfTenThousands ? told : told / 1000 * 10'000 + told % 1000;
}

}  // namespace loratwin::cuda::cublaslt
