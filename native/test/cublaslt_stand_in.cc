// What cuBLASLt's documentation says of the calls that blas_cublaslt.cc makes, done by plain loops on the host:
// matrices lie in columns, D = alpha op(A) op(B) + beta C. Built as a library that is loaded in cuBLASLt's place, for
// tests of how it is called. STAND_IN_VERSION is what cublasLtGetVersion() tells; STAND_IN_LACKS_MATMUL leaves
// cublasLtMatmul out.
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "cuda/cublaslt_api.h"
#include "ops/bf16.h"

namespace {

using namespace loratwin::cuda::cublaslt;
namespace ops = loratwin::ops;

constexpr int kInvalid = 7;       // CUBLAS_STATUS_INVALID_VALUE
constexpr int kNotSupported = 15;  // CUBLAS_STATUS_NOT_SUPPORTED

struct Operation {
  int compute;
  std::int32_t transposeA = 0;
  std::int32_t transposeB = 0;
};
struct Layout {
  int type;
  std::uint64_t rows;
  std::uint64_t columns;
  std::int64_t ld;
};
struct Preference {
  std::uint64_t workspaceBytes = 0;
};

[[maybe_unused]] float at(const void* data, const Layout& layout, std::uint64_t row, std::uint64_t column) {
  const std::size_t place = column * static_cast<std::size_t>(layout.ld) + row;
  return layout.type == kFloat32 ? static_cast<const float*>(data)[place]
                                 : ops::toFloat(static_cast<const ops::Bf16*>(data)[place]);
}

// The shapes fit: op(A) [m,k], op(B) [k,n], C and D [m,n], each column as long as its stride allows, types together.
int checkShapes(const Operation& op, const Layout& a, const Layout& b, const Layout& c, const Layout& d) {
  for (const Layout* const each : {&a, &b, &c, &d}) {
    if (each->ld < static_cast<std::int64_t>(each->rows)) return kInvalid;
    if (each->type != kFloat32 && each->type != kBfloat16) return kNotSupported;
  }
  const std::uint64_t m = op.transposeA != 0 ? a.columns : a.rows;
  const std::uint64_t k = op.transposeA != 0 ? a.rows : a.columns;
  const std::uint64_t kOfB = op.transposeB != 0 ? b.columns : b.rows;
  const std::uint64_t n = op.transposeB != 0 ? b.rows : b.columns;
  if (k != kOfB || c.rows != m || c.columns != n || d.rows != m || d.columns != n) return kInvalid;
  if (a.type != b.type || c.type != d.type || (a.type == kFloat32 && d.type != kFloat32)) return kNotSupported;
  if (op.compute != kCompute32F && !(op.compute == kCompute32FFastTf32 && a.type == kFloat32)) return kNotSupported;
  return 0;
}

template <class Kind>
Kind& as(Descriptor descriptor) {
  return *static_cast<Kind*>(descriptor);
}

}  // namespace

extern "C" {

std::size_t cublasLtGetVersion() {
  const char* const told = std::getenv("STAND_IN_VERSION");
  return told == nullptr ? 130000 : static_cast<std::size_t>(std::atol(told));
}
const char* cublasLtGetStatusString(int status) {
  return status == kInvalid ? "an unsupported value or parameter was passed to the function" : "not supported";
}
int cublasLtCreate(Handle* handle) {
  *handle = new int(0);
  return 0;
}
int cublasLtDestroy(Handle handle) {
  delete static_cast<int*>(handle);
  return 0;
}
int cublasLtMatmulDescCreate(Descriptor* made, int compute, int scaleType) {
  if (scaleType != kFloat32) return kNotSupported;
  *made = new Operation{compute};
  return 0;
}
int cublasLtMatmulDescSetAttribute(Descriptor descriptor, int attribute, const void* value, std::size_t bytes) {
  if (bytes != sizeof(std::int32_t)) return kInvalid;
  auto& op = as<Operation>(descriptor);
  if (attribute != kTransposeA && attribute != kTransposeB) return kInvalid;
  std::memcpy(attribute == kTransposeA ? &op.transposeA : &op.transposeB, value, bytes);
  return 0;
}
int cublasLtMatmulDescDestroy(Descriptor descriptor) {
  delete &as<Operation>(descriptor);
  return 0;
}
int cublasLtMatrixLayoutCreate(Descriptor* made, int type, std::uint64_t rows, std::uint64_t columns, std::int64_t ld) {
  *made = new Layout{type, rows, columns, ld};
  return 0;
}
int cublasLtMatrixLayoutDestroy(Descriptor descriptor) {
  delete &as<Layout>(descriptor);
  return 0;
}
int cublasLtMatmulPreferenceCreate(Descriptor* made) {
  *made = new Preference;
  return 0;
}
int cublasLtMatmulPreferenceSetAttribute(Descriptor descriptor, int attribute, const void* value, std::size_t bytes) {
  if (attribute != kMaxWorkspaceBytes || bytes != sizeof(std::uint64_t)) return kInvalid;
  std::memcpy(&as<Preference>(descriptor).workspaceBytes, value, bytes);
  return 0;
}
int cublasLtMatmulPreferenceDestroy(Descriptor descriptor) {
  delete &as<Preference>(descriptor);
  return 0;
}
int cublasLtMatmulAlgoGetHeuristic(Handle, Descriptor op, Descriptor a, Descriptor b, Descriptor c, Descriptor d,
                                   Descriptor preference, int wanted, HeuristicResult* results, int* found) {
  *found = 0;
  if (wanted < 1) return kInvalid;
  const int status = checkShapes(as<Operation>(op), as<Layout>(a), as<Layout>(b), as<Layout>(c), as<Layout>(d));
  if (status != 0) return status;
  results[0] = {{{1, 2, 3, 4, 5, 6, 7, 8}}, static_cast<std::size_t>(as<Preference>(preference).workspaceBytes), 0, 1.0F, {}};
  *found = 1;
  return 0;
}
#if !defined(STAND_IN_LACKS_MATMUL)
int cublasLtMatmul(Handle, Descriptor operation, const void* alpha, const void* a, Descriptor aLayout, const void* b,
                   Descriptor bLayout, const void* beta, const void* c, Descriptor cLayout, void* d, Descriptor dLayout,
                   const Algorithm* algorithm, void*, std::size_t workspaceBytes, void*) {
  const auto& op = as<Operation>(operation);
  const auto& A = as<Layout>(aLayout);
  const auto& B = as<Layout>(bLayout);
  const auto& C = as<Layout>(cLayout);
  const auto& D = as<Layout>(dLayout);
  const int status = checkShapes(op, A, B, C, D);
  if (status != 0) return status;
  if (algorithm->data[7] != 8 || workspaceBytes == 0) return kInvalid;
  const float scale = *static_cast<const float*>(alpha);
  const float keep = *static_cast<const float*>(beta);
  const std::uint64_t depth = op.transposeA != 0 ? A.rows : A.columns;
  for (std::uint64_t column = 0; column < D.columns; column++) {
    for (std::uint64_t row = 0; row < D.rows; row++) {
      float sum = 0;
      for (std::uint64_t k = 0; k < depth; k++) {
        sum += (op.transposeA != 0 ? at(a, A, k, row) : at(a, A, row, k)) *
               (op.transposeB != 0 ? at(b, B, column, k) : at(b, B, k, column));
      }
      float value = scale * sum;
      if (keep != 0) value += keep * at(c, C, row, column);
      const std::size_t place = column * static_cast<std::size_t>(D.ld) + row;
      if (D.type == kFloat32) {
        static_cast<float*>(d)[place] = value;
      } else {
        static_cast<ops::Bf16*>(d)[place] = ops::toBf16(value);
      }
    }
  }
  return 0;
}
#endif

}  // extern "C"
