#include "matmul_peak.h"

#include <stdexcept>
#include <string>

#include "cublas_lt.h"
#include "random_buffer.h"
#include "timing.h"

namespace loratwin::gpu {

namespace {

using ops::Bf16;

constexpr std::size_t kWorkspaceBytes = 64 << 20;
constexpr int kTimes = 10;
constexpr int kRepetitions = 5;

void check(int status, const char* what) {
  if (status != 0) throw std::runtime_error(std::string(what) + ": cuBLASLt status " + std::to_string(status));
}

// y [rows, out] = x [rows, in] W [out, in]^T, or with `backward` dx [rows, in] = dy [rows, out] W; row major, bfloat16,
// sums in f32. cuBLASLt is column major: it computes the transposed product W x^T.
struct Product {
  const char* name;
  std::int64_t rows;
  std::int64_t in;
  std::int64_t out;
  bool backward;
};

// The pieces of a call, destroyed by the type's own function.
struct Piece {
  void* handle = nullptr;
  int (*destroy)(void*);
  explicit Piece(int (*destroyPiece)(void*)) : destroy(destroyPiece) {}
  Piece(const Piece&) = delete;
  Piece& operator=(const Piece&) = delete;
  ~Piece() { destroy(handle); }
};

void time(void* handle, const Product& product) {
  const CublasLt& lt = cublasLt();
  const RandomBuffer<Bf16> weight(static_cast<std::size_t>(product.out * product.in), "W");
  const RandomBuffer<Bf16> x(static_cast<std::size_t>(product.rows * product.in), "x");
  const RandomBuffer<Bf16> y(static_cast<std::size_t>(product.rows * product.out), "y");
  const test::DeviceBuffer<std::uint8_t> workspace(kWorkspaceBytes, "workspace");
  const std::int64_t result = product.backward ? product.in : product.out;
  const std::int64_t inner = product.backward ? product.out : product.in;

  Piece description(lt.matmulDescDestroy);
  check(lt.matmulDescCreate(&description.handle, kLtCompute32F, kLtReal32F), "cublasLtMatmulDescCreate");
  const std::int32_t transpose = product.backward ? 0 : kLtTranspose;
  check(lt.matmulDescSetAttribute(description.handle, kLtTransA, &transpose, sizeof transpose), "transposing W");
  Piece weightLayout(lt.matrixLayoutDestroy);
  Piece fromLayout(lt.matrixLayoutDestroy);
  Piece toLayout(lt.matrixLayoutDestroy);
  const auto layout = [&](Piece& piece, std::int64_t rows, std::int64_t columns) {
    check(lt.matrixLayoutCreate(&piece.handle, kLtReal16BF, static_cast<std::uint64_t>(rows),
                                static_cast<std::uint64_t>(columns), rows),
          "cublasLtMatrixLayoutCreate");
  };
  layout(weightLayout, product.in, product.out);
  layout(fromLayout, inner, product.rows);
  layout(toLayout, result, product.rows);
  Piece preference(lt.preferenceDestroy);
  check(lt.preferenceCreate(&preference.handle), "cublasLtMatmulPreferenceCreate");
  check(lt.preferenceSetAttribute(preference.handle, kLtMaxWorkspaceBytes, &kWorkspaceBytes, sizeof kWorkspaceBytes),
        "setting the workspace's size");
  LtHeuristic best{};
  int found = 0;
  check(lt.getHeuristic(handle, description.handle, weightLayout.handle, fromLayout.handle, toLayout.handle,
                        toLayout.handle, preference.handle, 1, &best, &found),
        "cublasLtMatmulAlgoGetHeuristic");
  if (found == 0) throw std::runtime_error(std::string(product.name) + ": cuBLASLt has no algorithm");
  const float one = 1;
  const float zero = 0;
  const Bf16* from = product.backward ? y.data() : x.data();
  Bf16* to = product.backward ? x.data() : y.data();
  const Timing timing = timeWarm(
      [&] {
        check(lt.matmul(handle, description.handle, &one, weight.data(), weightLayout.handle, from, fromLayout.handle,
                        &zero, to, toLayout.handle, to, toLayout.handle, &best.algorithm, workspace.data(),
                        kWorkspaceBytes, nullptr),
              "cublasLtMatmul");
      },
      kTimes, kRepetitions);
  const double operations =
      2.0 * static_cast<double>(product.rows) * static_cast<double>(product.in) * static_cast<double>(product.out);
  printLine("matmul", std::string(product.name) + (product.backward ? ", backward" : ""),
            "\"operations\":" + std::to_string(operations) + ",\"cublasLt\":" + std::to_string(lt.getVersion()),
            timing);
}

}  // namespace

void timeProducts() {
  const CublasLt& lt = cublasLt();
  Piece handle(lt.destroy);
  check(lt.create(&handle.handle), "cublasLtCreate");
  constexpr Product kProducts[] = {{"8192 x 8192 x 8192", 8192, 8192, 8192, false},
                                   {"qkv", 4096, 4096, 6144, false},
                                   {"qkv", 4096, 4096, 6144, true},
                                   {"o", 4096, 4096, 4096, false},
                                   {"gate and up", 4096, 4096, 28672, false},
                                   {"gate and up", 4096, 4096, 28672, true},
                                   {"down", 4096, 14336, 4096, false},
                                   {"down", 4096, 14336, 4096, true}};
  for (const Product& product : kProducts) time(handle.handle, product);
}

}  // namespace loratwin::gpu
