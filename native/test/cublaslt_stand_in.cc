// What cuBLASLt's documentation says of the calls that blas_cublaslt.cc makes, done by plain loops on the host:
// matrices lie in columns, D = alpha op(A) op(B) + beta C. Built as a library that is loaded in cuBLASLt's place, for
// tests of how it is called. STAND_IN_VERSION is what cublasLtGetVersion() tells; STAND_IN_LACKS_MATMUL leaves
// cublasLtMatmul out.
//
// Every product has kWays ways, which differ in their numbers alone; standInLastWay() is that of the last product. The
// heuristic tells one first whose state says that it cannot be used, and of the others, from 1 on, those that do with
// operands as they are aligned: the later a way, the less it asks for. standInLive() counts descriptors.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "cuda/cublaslt_api.h"
#include "ops/bf16.h"

namespace {

using namespace loratwin::cuda::cublaslt;
namespace ops = loratwin::ops;

constexpr int kInvalid = 7;        // CUBLAS_STATUS_INVALID_VALUE
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
  std::uint32_t alignments[4] = {256, 256, 256, 256};  // of A, B, C and D
};

constexpr std::uint64_t kWays = 6;
constexpr std::uint32_t kNeeded[kWays] = {256, 256, 64, 64, 16, 2};  // alignments
constexpr std::uint64_t kMark = 8;
std::atomic<std::uint64_t> lastWay{0};
std::atomic<int> live{0};

Algorithm algorithmOf(std::uint64_t way) { return {{way, 2, 3, 4, 5, 6, 7, kMark}}; }

template <class Kind, class... Values>
Kind* made(Values... values) {
  live++;
  return new Kind{values...};
}

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
  if (op.compute != kCompute32F) return kNotSupported;
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
int cublasLtMatmulDescCreate(Descriptor* result, int compute, int scaleType) {
  if (scaleType != kFloat32) return kNotSupported;
  *result = made<Operation>(compute);
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
  live--;
  delete &as<Operation>(descriptor);
  return 0;
}
int cublasLtMatrixLayoutCreate(Descriptor* result, int type, std::uint64_t rows, std::uint64_t columns,
                               std::int64_t ld) {
  *result = made<Layout>(type, rows, columns, ld);
  return 0;
}
int cublasLtMatrixLayoutDestroy(Descriptor descriptor) {
  live--;
  delete &as<Layout>(descriptor);
  return 0;
}
int cublasLtMatmulPreferenceCreate(Descriptor* result) {
  *result = made<Preference>();
  return 0;
}
int cublasLtMatmulPreferenceSetAttribute(Descriptor descriptor, int attribute, const void* value, std::size_t bytes) {
  auto& preference = as<Preference>(descriptor);
  if (attribute == kMaxWorkspaceBytes && bytes == sizeof preference.workspaceBytes) {
    std::memcpy(&preference.workspaceBytes, value, bytes);
    return 0;
  }
  if (attribute < kMinAlignmentA || attribute > kMinAlignmentD || bytes != sizeof(std::uint32_t)) return kInvalid;
  std::memcpy(&preference.alignments[attribute - kMinAlignmentA], value, bytes);
  return 0;
}
int cublasLtMatmulPreferenceDestroy(Descriptor descriptor) {
  live--;
  delete &as<Preference>(descriptor);
  return 0;
}
int cublasLtMatmulAlgoGetHeuristic(Handle, Descriptor op, Descriptor a, Descriptor b, Descriptor c, Descriptor d,
                                   Descriptor preference, int wanted, HeuristicResult* results, int* found) {
  *found = 0;
  if (wanted < 1) return kInvalid;
  const int status = checkShapes(as<Operation>(op), as<Layout>(a), as<Layout>(b), as<Layout>(c), as<Layout>(d));
  if (status != 0) return status;
  const auto& wishes = as<Preference>(preference);
  const std::uint32_t least = *std::min_element(std::begin(wishes.alignments), std::end(wishes.alignments));
  const auto tell = [&](const Algorithm& algorithm, int state) {
    if (*found < wanted)
      results[(*found)++] = {algorithm, static_cast<std::size_t>(wishes.workspaceBytes), state, 1.0F, {}};
  };
  tell({}, kNotSupported);
  for (std::uint64_t way = 1; way < kWays; way++) {
    if (kNeeded[way] <= least) tell(algorithmOf(way), 0);
  }
  return 0;
}
int cublasLtMatmulAlgoCheck(Handle, Descriptor op, Descriptor a, Descriptor b, Descriptor c, Descriptor d,
                            const Algorithm* algorithm, HeuristicResult* result) {
  if (algorithm->data[7] != kMark || algorithm->data[0] >= kWays) return kInvalid;
  *result = {*algorithm, 0, 0, 1.0F, {}};
  return checkShapes(as<Operation>(op), as<Layout>(a), as<Layout>(b), as<Layout>(c), as<Layout>(d));
}
std::uint64_t standInLastWay() { return lastWay; }
int standInLive() { return live; }
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
  if (algorithm->data[7] != kMark || algorithm->data[0] >= kWays || workspaceBytes == 0) return kInvalid;
  lastWay = algorithm->data[0];
  for (const void* const operand : {a, b, c, static_cast<const void*>(d)}) {
    if (reinterpret_cast<std::uintptr_t>(operand) % kNeeded[lastWay] != 0) return kInvalid;
  }
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
