// cuBLASLt, loaded when a device is made.
//
// cuBLASLt thinks in columns: a row major [T,N] is its [N,T]. Forward: y' = op(W') x' with W' [K,N] transposed.
#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>

#include "cuda/blas.h"
#include "cuda/cublaslt_api.h"
#include "cuda/product_choices.h"
#include "cuda/recent_map.h"

namespace loratwin::cuda {

namespace {

using namespace cublaslt;

constexpr std::size_t kLeastVersion = 11'04'00;
// Ways of one product that are compared.
constexpr int kMostWays = 8;
// Products that are kept ready. A micro-batch's rows are of any number, and each has its own.
constexpr std::size_t kMostPrepared = 2048;
// What a device places lies at multiples of so many bytes. No more is told of an operand, so that the way of a product
// does not depend on where it happens to lie.
constexpr std::uintptr_t kAlignment = 64;

template <class Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function == nullptr)
    throw std::runtime_error(std::string("cuBLASLt: Expected the function ") + name + ", found none");
}

void* open() {
  std::string tried;
  const char* const given = std::getenv("LORATWIN_CUBLASLT");
  const std::array names = {given, "libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so.11", "libcublasLt.so"};
  for (const char* const name : names) {
    if (name == nullptr) continue;
    if (void* const library = dlopen(name, RTLD_NOW | RTLD_LOCAL)) return library;
    tried += std::string(tried.empty() ? "" : ", ") + name;
  }
  throw std::runtime_error("cuBLASLt: Expected one of " + tried + ", found none that loads. Hint: put its folder on " +
                           "LD_LIBRARY_PATH, or its path into LORATWIN_CUBLASLT");
}

const Library& library() {
  static const Library loaded = [] {
    void* const file = open();
    Library made{};
    find(file, "cublasLtGetVersion", made.getVersion);
    if (comparableVersion(made.getVersion()) < kLeastVersion) {
      throw std::runtime_error("cuBLASLt: Expected version 11.4 or newer, got " + std::to_string(made.getVersion()));
    }
    find(file, "cublasLtGetStatusString", made.getStatusString);
    find(file, "cublasLtCreate", made.create);
    find(file, "cublasLtDestroy", made.destroy);
    find(file, "cublasLtMatmulDescCreate", made.descriptorCreate);
    find(file, "cublasLtMatmulDescSetAttribute", made.descriptorSet);
    find(file, "cublasLtMatmulDescDestroy", made.descriptorDestroy);
    find(file, "cublasLtMatrixLayoutCreate", made.layoutCreate);
    find(file, "cublasLtMatrixLayoutDestroy", made.layoutDestroy);
    find(file, "cublasLtMatmulPreferenceCreate", made.preferenceCreate);
    find(file, "cublasLtMatmulPreferenceSetAttribute", made.preferenceSet);
    find(file, "cublasLtMatmulPreferenceDestroy", made.preferenceDestroy);
    find(file, "cublasLtMatmulAlgoGetHeuristic", made.heuristic);
    find(file, "cublasLtMatmulAlgoCheck", made.check);
    find(file, "cublasLtMatmul", made.matmul);
    return made;
  }();
  return loaded;
}

void check(const char* what, int status) {
  if (status != 0) throw std::runtime_error(std::string(what) + ": " + library().getStatusString(status));
}

// A descriptor and how it is destroyed.
class Held {
 public:
  Held() = default;
  explicit Held(int (*destroy)(Descriptor)) : destroy_(destroy) {}
  Held(Held&& other) noexcept : destroy_(other.destroy_), value_(other.value_) { other.value_ = nullptr; }
  Held& operator=(Held&&) = delete;
  ~Held() {
    if (value_ != nullptr) destroy_(value_);
  }
  Descriptor* place() { return &value_; }
  Descriptor get() const { return value_; }

 private:
  int (*destroy_)(Descriptor) = nullptr;
  Descriptor value_ = nullptr;
};

int typeOf(ops::DType type) { return type == ops::DType::float32 ? kFloat32 : kBfloat16; }

Held layout(ops::DType type, std::int64_t rows, std::int64_t columns, std::int64_t ld) {
  Held held(library().layoutDestroy);
  check("cublasLtMatrixLayoutCreate",
        library().layoutCreate(held.place(), typeOf(type), static_cast<std::uint64_t>(rows),
                               static_cast<std::uint64_t>(columns), ld));
  return held;
}

std::uint32_t alignmentOf(const void* operand) {
  const auto address = reinterpret_cast<std::uintptr_t>(operand) | kAlignment;
  return static_cast<std::uint32_t>(address & -address);
}

// A product of one shape, ready to run.
struct Prepared {
  Held operation;
  Held weight;
  Held x;
  Held c;
  Held y;
  Algorithm algorithm;
};

// W, x, C and y, as cuBLASLt counts them: A, B, C, D.
using Operands = std::array<const void*, 4>;
using Alignments = std::array<std::uint32_t, 4>;
using Key = std::tuple<ProductForm, std::int32_t, std::int64_t, std::int64_t, std::int64_t, Alignments>;

class CublasLt final : public Blas {
 public:
  explicit CublasLt(BlasOptions options)
      : workspace_(options.workspace),
        choices_(options.choices, std::move(options.stopwatch)),
        prepared_(kMostPrepared) {
    check("cublasLtCreate", library().create(&handle_));
  }
  ~CublasLt() override {
    prepared_.clear();
    library().destroy(handle_);
  }

  void multiply(const Product& op, void* stream) override {
    if (op.rows == 0) return;
    const std::int64_t ldc = op.residual != nullptr ? op.ldr : op.ldy;
    const Operands operands{op.weight, op.x, op.residual != nullptr ? op.residual : op.y, op.y};
    Alignments alignments;
    std::transform(operands.begin(), operands.end(), alignments.begin(), alignmentOf);
    const Key key{formOf(op), op.rows, op.ldx, op.ldy, ldc, alignments};
    const Prepared& ready = prepared_.get(key, [&] { return prepare(op, ldc, operands, alignments, stream); });
    check("cublasLtMatmul", run(ready, ready.algorithm, formOf(op), operands, stream));
  }

  std::vector<ProductChoice> choices() const override { return choices_.all(); }

 private:
  int run(const Prepared& ready, const Algorithm& algorithm, const ProductForm& form, const Operands& operands,
          void* stream) const {
    const auto [weight, x, c, y] = operands;
    const float alpha = 1.0F;
    const float beta = form.adds ? 1.0F : 0.0F;
    return library().matmul(handle_, ready.operation.get(), &alpha, weight, ready.weight.get(), x, ready.x.get(), &beta,
                            c, ready.c.get(), const_cast<void*>(y), ready.y.get(), &algorithm, workspace_,
                            kBlasWorkspaceBytes, stream);
  }

  Prepared prepare(const Product& op, std::int64_t ldc, const Operands& operands, const Alignments& alignments,
                   void* stream) {
    Prepared made = describe(op, ldc);
    const ProductForm form = formOf(op);
    // What was chosen among operands that are aligned may not do for others.
    const bool aligned = std::ranges::all_of(alignments, [](std::uint32_t each) { return each == kAlignment; });
    if (aligned && choices_.wanted(form, op.rows)) {
      const std::vector<Algorithm> ways = waysOf(made, alignments);
      std::vector<ProductAlgorithm> words;
      for (const Algorithm& way : ways) words.push_back(std::bit_cast<ProductAlgorithm>(way));
      const auto give = [&](std::size_t i) { check("cublasLtMatmul", run(made, ways[i], form, operands, stream)); };
      made.algorithm = std::bit_cast<Algorithm>(choices_.measure(form, op.rows, words, give, stream));
      return made;
    }
    const ProductAlgorithm* const chosen = aligned ? choices_.find(form, op.rows) : nullptr;
    if (chosen != nullptr && can(made, std::bit_cast<Algorithm>(*chosen))) {
      made.algorithm = std::bit_cast<Algorithm>(*chosen);
    } else {
      made.algorithm = waysOf(made, alignments).front();
    }
    return made;
  }

  // Without its algorithm.
  Prepared describe(const Product& op, std::int64_t ldc) const {
    const std::int64_t xColumns = op.backward ? op.out : op.in;
    const std::int64_t yColumns = op.backward ? op.in : op.out;
    Prepared made{Held(library().descriptorDestroy),           layout(op.type, op.in, op.out, op.in),
                  layout(op.type, xColumns, op.rows, op.ldx),  layout(op.yType, yColumns, op.rows, ldc),
                  layout(op.yType, yColumns, op.rows, op.ldy), {}};
    check("cublasLtMatmulDescCreate", library().descriptorCreate(made.operation.place(), kCompute32F, kFloat32));
    const std::int32_t transposeWeight = op.backward ? kNotTransposed : kTransposed;
    for (const auto& [attribute, value] : {std::pair{kTransposeA, transposeWeight}, {kTransposeB, kNotTransposed}}) {
      check("cublasLtMatmulDescSetAttribute",
            library().descriptorSet(made.operation.get(), attribute, &value, sizeof value));
    }
    return made;
  }

  // The library's own estimate of the fastest first. Not empty.
  std::vector<Algorithm> waysOf(const Prepared& product, const Alignments& alignments) const {
    Held preference(library().preferenceDestroy);
    check("cublasLtMatmulPreferenceCreate", library().preferenceCreate(preference.place()));
    const auto prefer = [&](int attribute, const auto& value) {
      check("cublasLtMatmulPreferenceSetAttribute",
            library().preferenceSet(preference.get(), attribute, &value, sizeof value));
    };
    prefer(kMaxWorkspaceBytes, std::uint64_t{kBlasWorkspaceBytes});
    constexpr std::array kAttributes{kMinAlignmentA, kMinAlignmentB, kMinAlignmentC, kMinAlignmentD};
    for (std::size_t i = 0; i < kAttributes.size(); i++) prefer(kAttributes[i], alignments[i]);
    std::array<HeuristicResult, kMostWays> found;
    int count = 0;
    check("cublasLtMatmulAlgoGetHeuristic",
          library().heuristic(handle_, product.operation.get(), product.weight.get(), product.x.get(), product.c.get(),
                              product.y.get(), preference.get(), kMostWays, found.data(), &count));
    std::vector<Algorithm> ways;
    for (int i = 0; i < count; i++) {
      const HeuristicResult& each = found[static_cast<std::size_t>(i)];
      // Where it is not 0, nothing else of the result means anything.
      if (each.state == 0 && each.workspaceBytes <= kBlasWorkspaceBytes) ways.push_back(each.algorithm);
    }
    if (ways.empty()) throw std::runtime_error("cublasLtMatmulAlgoGetHeuristic: no algorithm for this product");
    return ways;
  }

  bool can(const Prepared& product, const Algorithm& algorithm) const {
    HeuristicResult result{};
    const int status = library().check(handle_, product.operation.get(), product.weight.get(), product.x.get(),
                                       product.c.get(), product.y.get(), &algorithm, &result);
    return status == 0 && result.state == 0 && result.workspaceBytes <= kBlasWorkspaceBytes;
  }

  Handle handle_ = nullptr;
  void* const workspace_;
  ProductChoices choices_;
  RecentMap<Key, Prepared> prepared_;
};

}  // namespace

std::string libraryName() {
  const std::size_t version = comparableVersion(library().getVersion());
  return "cuBLASLt " + std::to_string(version / 10'000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

std::unique_ptr<Blas> makeBlas(BlasOptions options) { return std::make_unique<CublasLt>(std::move(options)); }

}  // namespace loratwin::cuda
