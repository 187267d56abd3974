// Rows of products in blocks of any size: neither windows, nor threads, nor the jobs beside it change a bit of a row.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "operators.h"
#include "ops/isa.h"
#include "ops/matmul.h"

namespace loratwin::test {

namespace {

using ops::Bf16;

constexpr std::int64_t kMostRows = 800;  // for each of two threads a block and a half

template <class Store>
std::vector<Store> waves(std::int64_t count, double step) {
  std::vector<Store> values;
  for (std::int64_t i = 0; i < count; ++i) {
    const float value = static_cast<float>(std::sin(step * static_cast<double>(i)));
    if constexpr (std::is_same_v<Store, float>) {
      values.push_back(value);
    } else {
      values.push_back(ops::toBf16(value));
    }
  }
  return values;
}

// Rows that are not those of a product of kMostRows.
template <class Multiply>
double differentRows(std::int64_t out, Multiply multiply) {
  const auto rowsOf = [&](std::int64_t rows) {
    std::vector<float> y(static_cast<std::size_t>(rows * out));
    multiply(y.data(), static_cast<std::int32_t>(rows));
    return y;
  };
  const std::vector<float> whole = rowsOf(kMostRows);
  double different = 0;
  for (const std::int64_t rows :
       {2, 3, 9, 15, 16, 17, 18, 31, 33, 49, 100, 255, 257, 272, 273, 383, 385, 513, 514, 529, 545, 600, 767, 769}) {
    const std::vector<float> part = rowsOf(rows);
    for (std::int64_t row = 0; row < rows; ++row) {
      const std::size_t bytes = static_cast<std::size_t>(out) * sizeof(float);
      different += std::memcmp(part.data() + row * out, whole.data() + row * out, bytes) == 0 ? 0 : 1;
    }
  }
  return different;
}

template <class Store>
void checkShape(ops::ExecContext& two, std::int32_t out, std::int32_t in, const Report& report) {
  const std::vector<Store> weights = waves<Store>(std::int64_t{out} * in, 0.37);
  const std::vector<Store> x = waves<Store>(kMostRows * std::max(out, in), 0.0113);
  ops::MatmulEngine engine(two.threads());
  const ops::PackedMatrix w(engine, weights.data(), out, in, true);
  const std::string name =
      std::string(ops::dtypeName(ops::dtypeOf<Store>())) + " [" + std::to_string(out) + "," + std::to_string(in) + "]";
  report("product rows", "rows", "forward " + name,
         differentRows(
             out,
             [&](float* y, std::int32_t rows) {
               ops::matmul(two, engine, {x.data(), in, &w, y, ops::DType::float32, out, nullptr, nullptr, 0, rows});
             }),
         0);
  report("product rows", "rows", "backward " + name,
         differentRows(in,
                       [&](float* dx, std::int32_t rows) {
                         ops::matmul_backward(two, engine, {x.data(), out, &w, dx, ops::DType::float32, in, rows});
                       }),
         0);
}

}  // namespace

void checkProductRows(ops::ExecContext& two, const Report& report) {
  // Sums over more than 1024 elements, with small weights and one whose blocks of rows have any size.
  for (const auto& [out, in] : {std::pair{96, 1200}, std::pair{1200, 96}, std::pair{1500, 1500}}) {
    checkShape<float>(two, out, in, report);
    // Tiles sum in an order that the number of rows decides.
    if (ops::currentIsa() != ops::Isa::amxbf16) checkShape<Bf16>(two, out, in, report);
  }
}

}  // namespace loratwin::test
