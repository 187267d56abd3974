// attention of all kinds (ops/attention_kind.h): windows, chunks, softcaps, scales, sinks.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "operators.h"
#include "ops/attention.h"
#include "ops/isa.h"

namespace loratwin::test {

namespace {

using ops::AttentionKind;
using ops::Bf16;
using ops::DType;
using ops::ExecContext;

// One head's attention and its gradients on one sequence.
template <class Store>
struct Attended {
  std::vector<Store> out;
  std::vector<float> lse;
  std::vector<Store> dqkv;
};

template <class Store>
Attended<Store> attended(ExecContext& context, const AttentionKind& kind, int headDim, const std::vector<Store>& qkv,
                         const Attended<Store>* forBackward = nullptr) {
  const std::int64_t ld = std::int64_t{3} * headDim;
  const std::int32_t rows = static_cast<std::int32_t>(static_cast<std::int64_t>(qkv.size()) / ld);
  const std::int32_t offsets[] = {0, rows};
  const std::size_t longest = static_cast<std::size_t>(rows);
  const std::size_t threads = static_cast<std::size_t>(context.threads());
  const std::size_t width = static_cast<std::size_t>(headDim);
  std::vector<float> scratch(ops::attentionScratchBytes(threads, longest, width) / sizeof(float));
  Attended<Store> result{std::vector<Store>(longest * width), std::vector<float>(longest),
                         std::vector<Store>(qkv.size())};
  ops::attention(context, ops::AttentionT<float, Store>{{offsets, 1},
                                                        qkv.data(),
                                                        ld,
                                                        0,
                                                        headDim,
                                                        2 * headDim,
                                                        result.out.data(),
                                                        headDim,
                                                        result.lse.data(),
                                                        1,
                                                        1,
                                                        headDim,
                                                        scratch.data(),
                                                        kind});
  const Attended<Store>& given = forBackward == nullptr ? result : *forBackward;
  scratch.resize(ops::attentionBackwardScratchBytes(threads, longest, width) / sizeof(float));
  ops::attention_backward(context, ops::AttentionBackwardT<float, Store>{{offsets, 1},
                                                                         qkv.data(),
                                                                         ld,
                                                                         0,
                                                                         headDim,
                                                                         2 * headDim,
                                                                         given.out.data(),
                                                                         headDim,
                                                                         given.out.data(),  // as its own gradient
                                                                         headDim,
                                                                         given.lse.data(),
                                                                         result.dqkv.data(),
                                                                         ld,
                                                                         1,
                                                                         1,
                                                                         headDim,
                                                                         scratch.data(),
                                                                         kind});
  return result;
}

template <class Store>
std::vector<Store> randomRows(int rows, int width) {
  std::mt19937 random(13);
  std::uniform_real_distribution<float> uniform(-2, 2);
  std::vector<float> values(static_cast<std::size_t>(rows) * static_cast<std::size_t>(width));
  for (float& value : values) value = uniform(random);
  return stored<Store>(values);
}

// Elements that differ from element `first` on.
template <class T>
double differences(const std::vector<T>& a, const std::vector<T>& b, std::size_t first = 0) {
  double count = 0;
  for (std::size_t i = first; i < a.size(); ++i) count += std::memcmp(&a[i], &b[i], sizeof(T)) != 0 ? 1 : 0;
  return count;
}

std::string nameOf(DType type) { return std::string(ops::isaName(ops::currentIsa())) + ", " + ops::dtypeName(type); }

// lse of the first query is its only score.
void checkTanh(ExecContext& context, const Report& report) {
  double worst = 0;
  for (int i = 0; i < 4000; ++i) {
    const float x = std::pow(10.0F, -7.0F + 8.3F * static_cast<float>(i / 2) / 2000.0F) * (i % 2 == 0 ? 1.0F : -1.0F);
    const std::vector<float> qkv{x, 0, 1, 0, 0, 0};
    const double got = attended<float>(context, {1.0F, 1.0F}, 2, qkv).lse[0];
    worst = std::fmax(worst, std::fabs(got / std::tanh(static_cast<double>(x)) - 1.0));
  }
  report("attention", "tanh", ops::isaName(ops::currentIsa()), worst, 1e-6);
}

template <class Store>
void checkLongWindows(ExecContext& context, const Report& report) {
  constexpr int kHeadDim = 20;
  constexpr int kRows = 301;
  const std::vector<Store> qkv = randomRows<Store>(kRows, 3 * kHeadDim);
  const Attended<Store> all = attended<Store>(context, {}, kHeadDim, qkv);
  double different = 0;
  for (const AttentionKind& kind : {AttentionKind{0, 0, kRows, 0}, AttentionKind{0, 0, 0, kRows},
                                    AttentionKind{0, 0, std::numeric_limits<std::int32_t>::max(), 0}}) {
    const Attended<Store> some = attended<Store>(context, kind, kHeadDim, qkv);
    different += differences(all.out, some.out) + differences(all.lse, some.lse) + differences(all.dqkv, some.dqkv);
  }
  report("attention", "long window", nameOf(ops::dtypeOf<Store>()), different, 0);
}

// Queries from the third tile on see keys from kUnseen on: NaN before these may reach the first two tiles only.
template <class Store>
void checkUnseenKeys(ExecContext& context, const Report& report) {
  constexpr std::size_t kHeadDim = 24;
  constexpr std::size_t kUnseen = 64;
  constexpr std::size_t kClean = 128;
  std::vector<Store> qkv = randomRows<Store>(701, 3 * kHeadDim);
  double different = 0;
  for (const AttentionKind& kind :
       {AttentionKind{0, 0, 64, 0}, AttentionKind{0, 0, 3, 0}, AttentionKind{0, 5, 0, 64}}) {
    std::vector<Store> poisoned = qkv;
    for (std::size_t row = 0; row < kUnseen; ++row) {
      Store* const key = poisoned.data() + row * 3 * kHeadDim + kHeadDim;
      for (std::size_t i = 0; i < 2 * kHeadDim; ++i) {
        if constexpr (std::is_same_v<Store, float>) {
          key[i] = std::numeric_limits<float>::quiet_NaN();
        } else {
          key[i] = ops::toBf16(std::numeric_limits<float>::quiet_NaN());
        }
      }
    }
    const Attended<Store> clean = attended<Store>(context, kind, kHeadDim, qkv);
    const Attended<Store> got = attended<Store>(context, kind, kHeadDim, poisoned, &clean);
    different += differences(clean.out, got.out, kClean * kHeadDim) + differences(clean.lse, got.lse, kClean) +
                 differences(clean.dqkv, got.dqkv, kClean * 3 * kHeadDim);
  }
  report("attention", "unseen keys", nameOf(ops::dtypeOf<Store>()), different, 0);
}

}  // namespace

std::vector<Operator> attentionKinds() {
  struct Kind {
    const char* name;
    AttentionKind kind;  // scale, softcap, window, chunk
    bool withSinks = false;
    float spread = 2.0F;
  };
  const Kind kinds[] = {
      {"plain", {}},
      {"scale, softcap", {0.3F, 3.0F}},
      {"softcap above large scores", {0.0F, 50.0F}, false, 6.0F},
      {"window of 1", {0.0F, 0.0F, 1}},
      {"window of 7", {0.0F, 0.0F, 7}},
      {"window of 32", {0.0F, 0.0F, 32}},
      {"window of 101", {0.0F, 0.0F, 101}},
      {"window of 300", {0.0F, 0.0F, 300}},
      {"window of 5000", {0.0F, 0.0F, 5000}},
      {"chunks of 19", {0.0F, 0.0F, 0, 19}},
      {"chunks of 48", {0.0F, 0.0F, 0, 48}},
      {"chunks of 290", {0.0F, 0.0F, 0, 290}},
      {"sinks", {}, true},
      {"scale, sinks, large scores", {1.5F}, true, 4.0F},
      {"window of 45, softcap", {0.0F, 4.0F, 45}},
      {"window of 17, sinks", {0.0F, 0.0F, 17}, true},
      {"window of 270, softcap, scale, sinks", {0.25F, 5.0F, 270}, true},
      {"chunks of 273, softcap, scale, sinks", {0.25F, 5.0F, 0, 273}, true},
  };
  std::vector<Operator> operators;
  for (const Kind& each : kinds) {
    const bool large = each.spread > 2.0F;
    for (const DType type : {DType::float32, DType::bfloat16}) {
      const bool narrow = type == DType::bfloat16;
      operators.push_back(attentionOperator(narrow ? "attention bf16" : "attention", type, each.spread,
                                            narrow  ? 6e-6
                                            : large ? 1e-9
                                                    : 1e-10,
                                            narrow ? (large ? 2e-5 : 1e-5) : (large ? 1e-8 : 1e-9), each.kind,
                                            each.withSinks));
      operators.back().kind = each.name;
    }
  }
  return operators;
}

void checkAttentionKinds(ExecContext& context, const Report& report) {
  checkTanh(context, report);
  checkLongWindows<float>(context, report);
  checkLongWindows<Bf16>(context, report);
  checkUnseenKeys<float>(context, report);
  checkUnseenKeys<Bf16>(context, report);
}

}  // namespace loratwin::test
