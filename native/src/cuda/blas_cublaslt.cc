// cuBLASLt, loaded when a device is made.
//
// cuBLASLt thinks in columns: a row major [T,N] is its [N,T]. Forward: y' = op(W') x' with W' [K,N] transposed.
#include <dlfcn.h>

#include <array>
#include <cstdlib>
#include <map>
#include <stdexcept>
#include <string>
#include <tuple>

#include "cuda/blas.h"
#include "cuda/cublaslt_api.h"

namespace loratwin::cuda {

namespace {

using namespace cublaslt;

constexpr std::size_t kLeastVersion = 11'04'00;

template <class Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function == nullptr) throw std::runtime_error(std::string("cuBLASLt: Expected the function ") + name + ", found none");
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

// A product of one shape, ready to run.
struct Prepared {
  Held operation;
  Held weight;
  Held x;
  Held c;
  Held y;
  HeuristicResult chosen;
};

using Key = std::tuple<bool, int, int, std::int32_t, std::int32_t, std::int32_t, std::int64_t, std::int64_t,
                       std::int64_t>;

class CublasLt final : public Blas {
 public:
  CublasLt(void* workspace, bool allowTf32) : workspace_(workspace), allowTf32_(allowTf32) {
    check("cublasLtCreate", library().create(&handle_));
  }
  ~CublasLt() override {
    prepared_.clear();
    library().destroy(handle_);
  }

  void multiply(const Product& op, void* stream) override {
    if (op.rows == 0) return;
    const bool adds = op.accumulate || op.residual != nullptr;
    const std::int64_t ldc = op.residual != nullptr ? op.ldr : op.ldy;
    const Key key{op.backward, typeOf(op.type), typeOf(op.yType), op.rows, op.out, op.in, op.ldx, op.ldy, ldc};
    const auto found = prepared_.find(key);
    const Prepared& ready = found != prepared_.end() ? found->second : prepared_.emplace(key, prepare(op, ldc)).first->second;
    const float alpha = 1.0F;
    const float beta = adds ? 1.0F : 0.0F;
    const void* const c = op.residual != nullptr ? op.residual : op.y;
    check("cublasLtMatmul",
          library().matmul(handle_, ready.operation.get(), &alpha, op.weight, ready.weight.get(), op.x, ready.x.get(),
                           &beta, c, ready.c.get(), op.y, ready.y.get(), &ready.chosen.algorithm, workspace_,
                           kBlasWorkspaceBytes, stream));
  }

 private:
  Prepared prepare(const Product& op, std::int64_t ldc) const {
    const bool narrow = op.type == ops::DType::bfloat16;
    const std::int64_t xColumns = op.backward ? op.out : op.in;
    const std::int64_t yColumns = op.backward ? op.in : op.out;
    Prepared made{Held(library().descriptorDestroy),
                  layout(op.type, op.in, op.out, op.in),
                  layout(op.type, xColumns, op.rows, op.ldx),
                  layout(op.yType, yColumns, op.rows, ldc),
                  layout(op.yType, yColumns, op.rows, op.ldy),
                  {}};
    const int compute = !narrow && allowTf32_ ? kCompute32FFastTf32 : kCompute32F;
    check("cublasLtMatmulDescCreate", library().descriptorCreate(made.operation.place(), compute, kFloat32));
    const std::int32_t transposeWeight = op.backward ? kNotTransposed : kTransposed;
    for (const auto& [attribute, value] : {std::pair{kTransposeA, transposeWeight}, {kTransposeB, kNotTransposed}}) {
      check("cublasLtMatmulDescSetAttribute",
            library().descriptorSet(made.operation.get(), attribute, &value, sizeof value));
    }
    Held preference(library().preferenceDestroy);
    check("cublasLtMatmulPreferenceCreate", library().preferenceCreate(preference.place()));
    const std::uint64_t bytes = kBlasWorkspaceBytes;
    check("cublasLtMatmulPreferenceSetAttribute",
          library().preferenceSet(preference.get(), kMaxWorkspaceBytes, &bytes, sizeof bytes));
    int count = 0;
    check("cublasLtMatmulAlgoGetHeuristic",
          library().heuristic(handle_, made.operation.get(), made.weight.get(), made.x.get(), made.c.get(),
                              made.y.get(), preference.get(), 1, &made.chosen, &count));
    if (count == 0) throw std::runtime_error("cublasLtMatmulAlgoGetHeuristic: no algorithm for this product");
    return made;
  }

  Handle handle_ = nullptr;
  void* workspace_;
  bool allowTf32_;
  std::map<Key, Prepared> prepared_;
};

}  // namespace

std::unique_ptr<Blas> makeBlas(void* workspace, bool allowTf32) {
  return std::make_unique<CublasLt>(workspace, allowTf32);
}

}  // namespace loratwin::cuda
