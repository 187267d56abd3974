// A stand-in for cuBLAS, for tests of calibration/kernel_times.cu over cudart_stand_in.cc: what its documentation says
// of the calls there, without the products. Operands have to be numbers throughout; an output is none, as what nobody
// has written is. STAND_IN_REFUSES makes every product fail.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime_api.h>
#include <library_types.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>

enum cublasStatus_t { CUBLAS_STATUS_SUCCESS = 0, CUBLAS_STATUS_INVALID_VALUE = 7, CUBLAS_STATUS_EXECUTION_FAILED = 13 };
enum cublasOperation_t { CUBLAS_OP_N, CUBLAS_OP_T };
enum cublasComputeType_t { CUBLAS_COMPUTE_32F = 68 };
enum cublasGemmAlgo_t { CUBLAS_GEMM_DEFAULT = -1 };
using cublasHandle_t = int*;

inline const char* cublasGetStatusString(cublasStatus_t status) {
  return status == CUBLAS_STATUS_INVALID_VALUE ? "an invalid value" : "a kernel failed";
}

inline cublasStatus_t cublasCreate(cublasHandle_t* handle) {
  static int only;
  *handle = &only;
  return CUBLAS_STATUS_SUCCESS;
}

// C = alpha op(A) op(B) + beta C by columns: op(A) [m,k], op(B) [k,n], C [m,n].
inline cublasStatus_t cublasGemmEx(cublasHandle_t, cublasOperation_t opA, cublasOperation_t opB, int m, int n, int k,
                                   const void* alpha, const void* a, cudaDataType_t aType, int lda, const void* b,
                                   cudaDataType_t bType, int ldb, const void* beta, void* c, cudaDataType_t cType,
                                   int ldc, cublasComputeType_t, cublasGemmAlgo_t) {
  if (aType != CUDA_R_16BF || bType != CUDA_R_16BF || cType != CUDA_R_16BF) return CUBLAS_STATUS_INVALID_VALUE;
  const float scale = *static_cast<const float*>(alpha);
  if (scale != 1 || *static_cast<const float*>(beta) != 0) return CUBLAS_STATUS_INVALID_VALUE;
  if (std::getenv("STAND_IN_REFUSES") != nullptr) return CUBLAS_STATUS_EXECUTION_FAILED;
  const auto isNumbers = [](const void* data, int rows, int columns, int ld) {
    if (ld < rows) return false;
    const auto* const values = static_cast<const __nv_bfloat16*>(data);
    for (int column = 0; column < columns; column++) {
      for (int row = 0; row < rows; row++) {
        if (std::isnan(__bfloat162float(values[std::size_t(column) * ld + row]))) return false;
      }
    }
    return true;
  };
  const bool isGiven = isNumbers(a, opA == CUBLAS_OP_T ? k : m, opA == CUBLAS_OP_T ? m : k, lda) &&
                       isNumbers(b, opB == CUBLAS_OP_T ? n : k, opB == CUBLAS_OP_T ? k : n, ldb) && ldc >= m;
  if (!isGiven) return CUBLAS_STATUS_INVALID_VALUE;
  for (int column = 0; column < n; column++) {
    std::memset(static_cast<char*>(c) + std::size_t{2} * column * ldc, 0xff, std::size_t{2} * m);
  }
  return CUBLAS_STATUS_SUCCESS;
}
