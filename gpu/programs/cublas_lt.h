// The few functions of cuBLASLt that a bfloat16 product needs, found at run time: a machine may have the library
// (PyTorch brings one) without its headers. Types and numbers: cuBLAS documentation, "Using the cuBLASLt API", 11
// to 13.
#pragma once

#include <cstddef>
#include <cstdint>

namespace loratwin::gpu {

struct LtAlgorithm {
  std::uint64_t data[8];
};

struct LtHeuristic {
  LtAlgorithm algorithm;
  std::size_t workspaceBytes;
  int state;
  float waves;
  int reserved[4];
};
static_assert(sizeof(LtHeuristic) == 96);

struct CublasLt {
  std::size_t (*getVersion)();
  int (*create)(void** handle);
  int (*destroy)(void* handle);
  int (*matmulDescCreate)(void** description, int computeType, int scaleType);
  int (*matmulDescDestroy)(void* description);
  int (*matmulDescSetAttribute)(void* description, int attribute, const void* value, std::size_t bytes);
  int (*matrixLayoutCreate)(void** layout, int type, std::uint64_t rows, std::uint64_t columns, std::int64_t ld);
  int (*matrixLayoutDestroy)(void* layout);
  int (*preferenceCreate)(void** preference);
  int (*preferenceDestroy)(void* preference);
  int (*preferenceSetAttribute)(void* preference, int attribute, const void* value, std::size_t bytes);
  int (*getHeuristic)(void* handle, void* description, void* a, void* b, void* c, void* d, void* preference, int wanted,
                      LtHeuristic* results, int* found);
  int (*matmul)(void* handle, void* description, const void* alpha, const void* a, void* aLayout, const void* b,
                void* bLayout, const void* beta, const void* c, void* cLayout, void* d, void* dLayout,
                const LtAlgorithm* algorithm, void* workspace, std::size_t workspaceBytes, void* stream);
};

constexpr int kLtCompute32F = 68;
constexpr int kLtReal32F = 0;
constexpr int kLtReal16BF = 14;
constexpr int kLtTransA = 3;
constexpr int kLtTransB = 4;
constexpr int kLtTranspose = 1;
constexpr int kLtMaxWorkspaceBytes = 1;

// Throws std::runtime_error naming what it looked for.
const CublasLt& cublasLt();

}  // namespace loratwin::gpu
