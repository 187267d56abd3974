// Products by blas_cublaslt.cc against plain sums in double, on host memory: what LORATWIN_CUBLASLT names has to work
// there. One JSON line a product: {case, error, tolerance, ok}; {error} when the library cannot be used. Exit status 1
// when any is wrong.
#include <cmath>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cuda/blas.h"

namespace {

using namespace loratwin;
using ops::Bf16;
using ops::DType;

struct Shape {
  const char* name;
  std::int32_t rows;
  std::int32_t out;
  std::int32_t in;
  std::int64_t gap;  // between rows of x and y, and twice that of the residual
  bool backward;
  bool accumulate;
  enum class Residual { none, apart, inPlace } residual;
};

// Row-major values in a buffer of either type.
struct Matrix {
  std::vector<float> floats;
  std::vector<Bf16> halves;

  Matrix(DType type, std::size_t count, double pace) {
    for (std::size_t i = 0; i < count; i++) {
      const auto value = static_cast<float>(std::sin(pace * static_cast<double>(i)));
      if (type == DType::float32) {
        floats.push_back(value);
      } else {
        halves.push_back(ops::toBf16(value));
      }
    }
  }
  void* data() { return floats.empty() ? static_cast<void*>(halves.data()) : floats.data(); }
  double at(std::size_t i) const { return static_cast<double>(floats.empty() ? ops::toFloat(halves[i]) : floats[i]); }
  std::size_t size() const { return floats.empty() ? halves.size() : floats.size(); }
};

bool judge(cuda::Blas& blas, const Shape& s, DType type, DType yType) {
  const std::int32_t xColumns = s.backward ? s.out : s.in;
  const std::int32_t yColumns = s.backward ? s.in : s.out;
  const auto rows = static_cast<std::size_t>(s.rows);
  const std::int64_t ldx = xColumns + s.gap;
  const std::int64_t ldy = yColumns + s.gap;
  const bool inPlace = s.residual == Shape::Residual::inPlace;
  const std::int64_t ldr = inPlace ? ldy : yColumns + 2 * s.gap;
  Matrix x(type, rows * static_cast<std::size_t>(ldx), 0.37);
  Matrix weight(type, static_cast<std::size_t>(s.out) * static_cast<std::size_t>(s.in), 0.73);
  Matrix y(yType, rows * static_cast<std::size_t>(ldy), 0.11);
  Matrix apart(DType::float32, rows * static_cast<std::size_t>(ldr), 0.19);
  const Matrix before = y;
  cuda::Product op{};
  op.x = x.data();
  op.ldx = ldx;
  op.weight = weight.data();
  op.type = type;
  op.out = s.out;
  op.in = s.in;
  op.backward = s.backward;
  op.y = y.data();
  op.yType = yType;
  op.ldy = ldy;
  op.accumulate = s.accumulate;
  if (s.residual != Shape::Residual::none) {
    op.residual = static_cast<const float*>(inPlace ? y.data() : apart.data());
    op.ldr = ldr;
  }
  op.rows = s.rows;
  blas.multiply(op, nullptr);
  double error = 0;
  double size = 0;
  for (std::size_t t = 0; t < rows; t++) {
    for (std::int64_t column = 0; column < ldy; column++) {
      const std::size_t place = t * static_cast<std::size_t>(ldy) + static_cast<std::size_t>(column);
      double expected = before.at(place);
      if (column < yColumns) {
        const bool adds = s.accumulate || inPlace;
        if (!adds) expected = 0;
        if (s.residual == Shape::Residual::apart) {
          expected += apart.at(t * static_cast<std::size_t>(ldr) + static_cast<std::size_t>(column));
        }
        for (std::int32_t k = 0; k < xColumns; k++) {
          const std::int64_t w = s.backward ? std::int64_t{k} * s.in + column : column * s.in + k;
          expected += x.at(t * static_cast<std::size_t>(ldx) + static_cast<std::size_t>(k)) *
                      weight.at(static_cast<std::size_t>(w));
        }
      }
      error += std::pow(y.at(place) - expected, 2);
      size += expected * expected;
    }
  }
  const double tolerance = yType == DType::float32 ? 1e-11 : 1e-5;
  const bool ok = error / size <= tolerance;
  std::printf("{\"case\":\"%s, %s to %s\",\"error\":%g,\"tolerance\":%g,\"ok\":%s}\n", s.name,
              type == DType::float32 ? "float32" : "bfloat16", yType == DType::float32 ? "float32" : "bfloat16",
              error / size, tolerance, ok ? "true" : "false");
  return ok;
}

constexpr Shape kShapes[] = {
    {"forward", 5, 7, 12, 0, false, false, Shape::Residual::none},
    {"forward of one row between gaps", 1, 9, 4, 3, false, false, Shape::Residual::none},
    {"forward onto what is there", 6, 8, 3, 2, false, true, Shape::Residual::none},
    {"backward", 5, 7, 12, 0, true, false, Shape::Residual::none},
    {"backward between gaps", 4, 11, 6, 5, true, false, Shape::Residual::none},
};
constexpr Shape kResidualShapes[] = {
    {"forward and a residual", 6, 8, 3, 2, false, false, Shape::Residual::apart},
    {"forward and a residual in its place", 6, 8, 3, 2, false, false, Shape::Residual::inPlace},
};

}  // namespace

int main() {
  bool ok = true;
  try {
    std::vector<char> workspace(cuda::kBlasWorkspaceBytes);
    const std::unique_ptr<cuda::Blas> blas = cuda::makeBlas({workspace.data()});
    for (const auto& [type, yType] : {std::pair{DType::float32, DType::float32},
                                      {DType::bfloat16, DType::bfloat16},
                                      {DType::bfloat16, DType::float32}}) {
      for (const Shape& shape : kShapes) ok = judge(*blas, shape, type, yType) && ok;
      if (yType != DType::float32) continue;
      for (const Shape& shape : kResidualShapes) ok = judge(*blas, shape, type, yType) && ok;
    }
  } catch (const std::exception& error) {
    std::printf("{\"error\":\"%s\"}\n", error.what());
    return 1;
  }
  return ok ? 0 : 1;
}
