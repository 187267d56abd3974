// Compiles where what cuda/cublaslt_api.h declares by hand is what cuBLAS's own headers say.
#include <cublasLt.h>

#include <type_traits>

#include "cuda/cublaslt_api.h"

namespace {

using namespace loratwin::cuda::cublaslt;

// Whether two types are passed alike: both pointers, or whole numbers or enums of one size.
template <class A, class B>
constexpr bool alike() {
  constexpr auto whole = []<class T>() { return std::is_integral_v<T> || std::is_enum_v<T>; };
  if constexpr (std::is_pointer_v<A> && std::is_pointer_v<B>) {
    return std::is_const_v<std::remove_pointer_t<A>> == std::is_const_v<std::remove_pointer_t<B>>;
  } else {
    return whole.template operator()<A>() && whole.template operator()<B>() && sizeof(A) == sizeof(B);
  }
}

template <class Real, class Ours>
struct SameCall : std::false_type {};
template <class R, class... A, class S, class... B>
  requires(sizeof...(A) == sizeof...(B))
struct SameCall<R (*)(A...), S (*)(B...)> : std::bool_constant<alike<R, S>() && (alike<A, B>() && ...)> {};

#define SAME_CALL(real, ours) static_assert(SameCall<decltype(&real), decltype(Library::ours)>::value, #real)
SAME_CALL(cublasLtGetVersion, getVersion);
SAME_CALL(cublasLtGetStatusString, getStatusString);
SAME_CALL(cublasLtCreate, create);
SAME_CALL(cublasLtDestroy, destroy);
SAME_CALL(cublasLtMatmulDescCreate, descriptorCreate);
SAME_CALL(cublasLtMatmulDescSetAttribute, descriptorSet);
SAME_CALL(cublasLtMatmulDescDestroy, descriptorDestroy);
SAME_CALL(cublasLtMatrixLayoutCreate, layoutCreate);
SAME_CALL(cublasLtMatrixLayoutDestroy, layoutDestroy);
SAME_CALL(cublasLtMatmulPreferenceCreate, preferenceCreate);
SAME_CALL(cublasLtMatmulPreferenceSetAttribute, preferenceSet);
SAME_CALL(cublasLtMatmulPreferenceDestroy, preferenceDestroy);
SAME_CALL(cublasLtMatmulAlgoGetHeuristic, heuristic);
SAME_CALL(cublasLtMatmulAlgoCheck, check);
SAME_CALL(cublasLtMatmul, matmul);
#undef SAME_CALL

static_assert(kFloat32 == CUDA_R_32F && kBfloat16 == CUDA_R_16BF);
static_assert(kCompute32F == CUBLAS_COMPUTE_32F);
static_assert(kNotTransposed == CUBLAS_OP_N && kTransposed == CUBLAS_OP_T);
static_assert(kTransposeA == CUBLASLT_MATMUL_DESC_TRANSA && kTransposeB == CUBLASLT_MATMUL_DESC_TRANSB);
static_assert(kMaxWorkspaceBytes == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES);
static_assert(kMinAlignmentA == CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES &&
              kMinAlignmentB == CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES &&
              kMinAlignmentC == CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES &&
              kMinAlignmentD == CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES);
static_assert(CUBLAS_STATUS_SUCCESS == 0);

static_assert(sizeof(Handle) == sizeof(cublasLtHandle_t) && sizeof(Descriptor) == sizeof(cublasLtMatmulDesc_t));
static_assert(sizeof(Algorithm) == sizeof(cublasLtMatmulAlgo_t));
static_assert(sizeof(HeuristicResult) == sizeof(cublasLtMatmulHeuristicResult_t));
static_assert(alignof(HeuristicResult) == alignof(cublasLtMatmulHeuristicResult_t));
#define SAME_PLACE(real, ours) \
  static_assert(offsetof(cublasLtMatmulHeuristicResult_t, real) == offsetof(HeuristicResult, ours), #real)
SAME_PLACE(algo, algorithm);
SAME_PLACE(workspaceSize, workspaceBytes);
SAME_PLACE(state, state);
SAME_PLACE(wavesCount, wavesCount);
SAME_PLACE(reserved, reserved);
#undef SAME_PLACE

static_assert(comparableVersion(CUBLAS_VERSION) ==
              CUBLAS_VER_MAJOR * 10'000 + CUBLAS_VER_MINOR * 100 + CUBLAS_VER_PATCH);

}  // namespace
