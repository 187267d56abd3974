// Two ways of each product, whose sums have another order: tests see which one was taken.
#include <algorithm>
#include <vector>

#include "cuda/blas.h"
#include "cuda/product_choices.h"
#include "emulation/emulation.h"
#include "emulation/streams.h"

namespace loratwin::cuda {

namespace {

using ops::Bf16;
using ops::DType;

std::vector<float> widened(const void* rows, std::int64_t ld, std::int64_t count, std::int64_t columns, DType type) {
  std::vector<float> result(static_cast<std::size_t>(count * columns));
  for (std::int64_t row = 0; row < count; row++) {
    float* const to = result.data() + row * columns;
    for (std::int64_t i = 0; i < columns; i++) {
      const std::int64_t place = row * ld + i;
      to[i] = type == DType::float32 ? static_cast<const float*>(rows)[place]
                                     : ops::toFloat(static_cast<const Bf16*>(rows)[place]);
    }
  }
  return result;
}

void requireRows(const void* rows, std::int64_t ld, std::int64_t count, std::int64_t columns, DType type) {
  const auto bytes = [type](std::int64_t elements) { return static_cast<std::size_t>(elements) * ops::sizeOf(type); };
  for (std::int64_t row = 0; row < count; row++) {
    emulation::requireWritten(static_cast<const std::byte*>(rows) + bytes(row * ld), bytes(columns), "product");
  }
}

// In so many sums, which are then added in order.
template <int kLanes>
float dot(const float* a, const float* b, std::int64_t count) {
  float sums[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int lane = 0; lane < kLanes; lane++) sums[lane] += a[i + lane] * b[i + lane];
  }
  float total = 0;
  for (const float sum : sums) total += sum;
  for (; i < count; i++) total += a[i] * b[i];
  return total;
}

// The first word is the number of a dot product's sums.
const std::vector<ProductAlgorithm> kWays{{16}, {8}};

class EmulatedBlas final : public Blas {
 public:
  explicit EmulatedBlas(BlasOptions options) : choices_(options.choices, std::move(options.stopwatch)) {}

  void multiply(const Product& op, void* stream) override {
    const ProductForm form = formOf(op);
    if (choices_.wanted(form, op.rows)) {
      choices_.measure(
          form, op.rows, kWays, [&](std::size_t way) { give(op, kWays[way], stream); }, stream);
    }
    const ProductAlgorithm* const chosen = choices_.find(form, op.rows);
    give(op, chosen == nullptr ? kWays.front() : *chosen, stream);
  }

  std::vector<ProductChoice> choices() const override { return choices_.all(); }

 private:
  static void give(const Product& op, const ProductAlgorithm& way, void* stream) {
    const auto product = way.front() == 8 ? run<8> : run<16>;
    emulation::give(stream, [op, product] { product(op); });
  }

  template <int kLanes>
  static void run(const Product& op) {
    const std::int64_t xColumns = op.backward ? op.out : op.in;
    const std::int64_t yColumns = op.backward ? op.in : op.out;
    requireRows(op.x, op.ldx, op.rows, xColumns, op.type);
    requireRows(op.weight, op.in, op.out, op.in, op.type);
    if (op.residual != nullptr) requireRows(op.residual, op.ldr, op.rows, yColumns, DType::float32);
    if (op.accumulate) requireRows(op.y, op.ldy, op.rows, yColumns, op.yType);
    const std::vector<float> x = widened(op.x, op.ldx, op.rows, xColumns, op.type);
    const std::vector<float> weight = widened(op.weight, op.in, op.out, op.in, op.type);
    std::vector<float> row(static_cast<std::size_t>(yColumns));
    for (std::int64_t t = 0; t < op.rows; t++) {
      const float* const xRow = x.data() + t * xColumns;
      std::fill(row.begin(), row.end(), 0.0F);
      for (std::int64_t n = 0; n < op.out; n++) {
        const float* const w = weight.data() + n * op.in;
        if (op.backward) {
          for (std::int64_t k = 0; k < op.in; k++) row[static_cast<std::size_t>(k)] += xRow[n] * w[k];
        } else {
          row[static_cast<std::size_t>(n)] = dot<kLanes>(xRow, w, op.in);
        }
      }
      store(op, t, row);
    }
  }

  static void store(const Product& op, std::int64_t t, const std::vector<float>& row) {
    const auto columns = static_cast<std::int64_t>(row.size());
    const auto put = [&](auto* y) {
      for (std::int64_t n = 0; n < columns; n++) {
        float value = row[static_cast<std::size_t>(n)];
        if (op.accumulate) value += widen(y[n]);
        if (op.residual != nullptr) value += op.residual[t * op.ldr + n];
        assign(y[n], value);
      }
      emulation::markWritten(y, static_cast<std::size_t>(columns) * sizeof *y);
    };
    if (op.yType == DType::float32) {
      put(static_cast<float*>(op.y) + t * op.ldy);
    } else {
      put(static_cast<Bf16*>(op.y) + t * op.ldy);
    }
  }
  static float widen(float value) { return value; }
  static float widen(Bf16 value) { return ops::toFloat(value); }
  static void assign(float& to, float value) { to = value; }
  static void assign(Bf16& to, float value) { to = ops::toBf16(value); }

  ProductChoices choices_;
};

}  // namespace

std::string libraryName() { return "emulated products 1.0.0"; }

std::unique_ptr<Blas> makeBlas(BlasOptions options) { return std::make_unique<EmulatedBlas>(std::move(options)); }

}  // namespace loratwin::cuda
