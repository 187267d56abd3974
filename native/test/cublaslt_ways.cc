// Which way of a product blas_cublaslt.cc takes, over the library of cublaslt_stand_in.cc, which LORATWIN_CUBLASLT
// names. One JSON line a question: {question, answer}.
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <vector>

#include "cuda/blas.h"

namespace {

using namespace loratwin;
using cuda::ProductChoice;
using ops::DType;

std::uint64_t (*lastWay)() = nullptr;
int (*live)() = nullptr;
int timed = 0;

struct alignas(64) Line {
  char bytes[64];
};
constexpr std::int32_t kColumns = 16;
constexpr std::int32_t kMostRows = 64;
std::vector<Line> memory(3 * kMostRows * kColumns * sizeof(float) / sizeof(Line));

// y = x W^T of float32, [rows, 16] by [16, 16], its operands so many bytes behind a line.
cuda::Product product(std::int32_t rows, std::size_t shift = 0) {
  const auto place = [shift](std::size_t part) {
    return memory.data()->bytes + part * kMostRows * kColumns * sizeof(float) + shift;
  };
  cuda::Product op{};
  op.x = place(0);
  op.ldx = kColumns;
  op.weight = place(1);
  op.type = DType::float32;
  op.out = kColumns;
  op.in = kColumns;
  op.y = place(2);
  op.yType = DType::float32;
  op.ldy = kColumns;
  op.rows = rows;
  return op;
}

void answer(const char* question, long long value) {
  std::printf("{\"question\":\"%s\",\"answer\":%lld}\n", question, value);
}

long long wayOf(cuda::Blas& blas, const cuda::Product& op) {
  blas.multiply(op, nullptr);
  return static_cast<long long>(lastWay());
}

// Way 3 is the fastest.
std::int64_t stopwatch(void*, const std::function<void()>& body) {
  body();
  timed++;
  return 100 + std::labs(static_cast<long>(lastWay()) - 3);
}

void ask() {
  std::vector<char> workspace(cuda::kBlasWorkspaceBytes);
  const auto make = [&](std::vector<ProductChoice> choices, cuda::Stopwatch watch) {
    return cuda::makeBlas({workspace.data(), std::move(choices), std::move(watch)});
  };
  const auto plain = make({}, nullptr);
  answer("the library's first that can be used", wayOf(*plain, product(8)));
  answer("of operands that are aligned to 4 bytes", wayOf(*plain, product(8, 4)));

  const auto measuring = make({}, stopwatch);
  answer("the fastest", wayOf(*measuring, product(8)));
  const int once = timed;
  measuring->multiply(product(8), nullptr);
  answer("times that a product is timed again", timed - once);
  answer("of operands that are not aligned nothing is measured", wayOf(*measuring, product(8, 4)));
  const std::vector<ProductChoice> choices = measuring->choices();
  answer("choices", static_cast<long long>(choices.size()));
  answer("rows of the choice", choices.at(0).rows);

  const auto known = make(choices, nullptr);
  answer("a known one", wayOf(*known, product(8)));
  answer("fewer rows than a known one", wayOf(*known, product(3)));
  answer("more rows than a known one", wayOf(*known, product(9)));
  cuda::Product other = product(8);
  other.backward = true;
  answer("another form", wayOf(*known, other));
  std::vector<ProductChoice> two = choices;
  two.push_back(two.at(0));
  two.at(1).rows = 16;
  two.at(1).algorithm[0] = 4;
  const auto between = make(two, nullptr);
  answer("between two known ones: that of more rows", wayOf(*between, product(12)));
  std::vector<ProductChoice> strange = choices;
  strange.at(0).algorithm[7] = 0;
  answer("one that the library refuses", wayOf(*make(strange, nullptr), product(8)));

  const auto many = make({}, nullptr);
  const int before = live();
  for (std::int64_t ld = kColumns; ld < kColumns + 4000; ld++) {
    cuda::Product op = product(1);
    op.ldx = ld;
    many->multiply(op, nullptr);
  }
  answer("products that are kept ready of 4000", (live() - before) / 5);
}

}  // namespace

int main() {
  try {
    std::printf("{\"library\":\"%s\"}\n", cuda::libraryName().c_str());
    void* const library = dlopen(std::getenv("LORATWIN_CUBLASLT"), RTLD_NOW);
    lastWay = reinterpret_cast<decltype(lastWay)>(dlsym(library, "standInLastWay"));
    live = reinterpret_cast<decltype(live)>(dlsym(library, "standInLive"));
    ask();
  } catch (const std::exception& error) {
    std::printf("{\"error\":\"%s\"}\n", error.what());
    return 1;
  }
  return 0;
}
