#include "step_timing.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "ops/attention.h"
#include "ops/head_loss.h"
#include "ops/isa.h"
#include "ops/lora.h"
#include "ops/matmul.h"
#include "ops/rmsnorm.h"
#include "ops/rope.h"
#include "ops/swiglu.h"
#include "thread_team.h"

namespace loratwin::test {

namespace {

using Clock = std::chrono::steady_clock;
using Floats = std::vector<float>;

constexpr int kSegments = 4;
constexpr int kRank = 16;
constexpr int kRepetitions = 7;

struct Model {
  int hidden;
  int intermediate;
  int heads;
  int headDim;
  int vocabulary;
  int layers;  // the layer's time is multiplied by this; the head is timed once
};

template <class Store>
std::vector<Store> randomValues(std::int64_t count, float spread) {
  static std::mt19937 random(1);
  std::uniform_real_distribution<float> uniform(-spread, spread);
  std::vector<Store> values(static_cast<std::size_t>(count));
  for (Store& value : values) {
    if constexpr (std::is_same_v<Store, float>) {
      value = uniform(random);
    } else {
      value = ops::toBf16(uniform(random));
    }
  }
  return values;
}

// Adapters of every segment for one projection [out, in].
struct Projection {
  int in;
  int out;
  Floats a, b, da, db;
  std::vector<ops::LoraSegment> segments;

  Projection(int inFeatures, int outFeatures, int rows)
      : in(inFeatures),
        out(outFeatures),
        a(randomValues<float>(std::int64_t{kSegments} * kRank * in, 0.1F)),
        b(randomValues<float>(std::int64_t{kSegments} * kRank * out, 0.1F)),
        da(a.size()),
        db(b.size()) {
    for (int g = 0; g < kSegments; ++g) {
      const std::int64_t atA = std::int64_t{g} * kRank * in;
      const std::int64_t atB = std::int64_t{g} * kRank * out;
      segments.push_back({rows * g / kSegments, rows * (g + 1) / kSegments, a.data() + atA, b.data() + atB,
                          da.data() + atA, db.data() + atB, kRank, 2.0F});
    }
  }
  Projection(const Projection&) = delete;  // the segments point into the buffers
  Projection& operator=(const Projection&) = delete;
  template <class Store>
  ops::LoraProjectionT<float, Store> at(int column, std::vector<Store>& s) const {
    return {{segments.data(), kSegments, nullptr, 0}, column, out, s.data(), kRank};
  }
};

// The operators of a training step in a compute dtype: residual stream, its gradient and gradients of normed rows are
// f32, everything else that products read or write is of type Store.
template <class Store>
void timeModel(const Model& m, int rows, int threads, bool allProjections) {
  using Stores = std::vector<Store>;
  using Adapters = std::vector<ops::LoraProjectionT<float, Store>>;
  constexpr ops::DType kType = ops::dtypeOf<Store>();
  ThreadTeam team(threads);
  ops::MatmulEngine engine(threads);
  const int H = m.hidden;
  const int I = m.intermediate;
  const auto packed = [&](int outFeatures, int inFeatures) {
    return ops::PackedMatrix(engine, randomValues<Store>(std::int64_t{outFeatures} * inFeatures, 0.05F).data(),
                             outFeatures, inFeatures, true);
  };
  const ops::PackedMatrix qkvWeight = packed(3 * H, H), oWeight = packed(H, H), gateUpWeight = packed(2 * I, H),
                          downWeight = packed(H, I), headWeight = packed(m.vocabulary, H);
  Projection attentionIn[3] = {Projection(H, H, rows), Projection(H, H, rows), Projection(H, H, rows)};
  Projection o(H, H, rows);
  Projection mlpIn[2] = {Projection(H, I, rows), Projection(H, I, rows)};
  Projection down(I, H, rows);
  const std::int64_t T = rows;
  Floats x = randomValues<float>(T * H, 1), xMid(x), y(x), dx(x), dNormed(x), weight = randomValues<float>(H, 1),
         rstd(static_cast<std::size_t>(T)), lse(static_cast<std::size_t>(T * m.heads));
  Stores h = randomValues<Store>(T * H, 1), h2(h), out(h), dout(h), rounded(h), qkv = randomValues<Store>(T * 3 * H, 1),
         dqkv(qkv), gateUp = randomValues<Store>(T * 2 * I, 1), dgateUp(gateUp), act = randomValues<Store>(T * I, 1),
         dact(act);
  Stores s[3] = {Stores(static_cast<std::size_t>(T * kRank)), Stores(static_cast<std::size_t>(T * kRank)),
                 Stores(static_cast<std::size_t>(T * kRank))};
  const std::vector<std::int32_t> sequences{0, rows / 4, rows / 2, rows / 4 * 3, rows};
  const ops::Sequences cut{sequences.data(), 4};
  const std::size_t longest = static_cast<std::size_t>(rows) / 4;
  Floats attentionScratch(ops::attentionBackwardScratchBytes(static_cast<std::size_t>(threads), longest,
                                                             static_cast<std::size_t>(m.headDim)) /
                          sizeof(float));
  Stores loraScratch(
      ops::loraBackwardScratchBytes(static_cast<std::size_t>(rows), kRank, ops::kLoraProjections, kType) /
      sizeof(Store));
  const Floats frequencies = randomValues<float>(m.headDim / 2, 1);
  constexpr std::int32_t kTileRows = 256;
  Floats logits(
      ops::headLossScratchBytes(kTileRows, static_cast<std::size_t>(H), static_cast<std::size_t>(m.vocabulary), kType) /
      sizeof(float));
  std::vector<std::int32_t> targets(static_cast<std::size_t>(rows));
  for (std::size_t t = 0; t < targets.size(); ++t) targets[t] = static_cast<std::int32_t>(t * 7) % m.vocabulary;
  const ops::LossSegment whole{0, rows, 0.01F};
  double loss = 0;
  // The gradient of the residual stream as a product reads it.
  const Store* dxCompute = nullptr;
  ops::Bf16* dxRounded = nullptr;
  if constexpr (kType == ops::DType::float32) {
    dxCompute = dx.data();
  } else {
    dxCompute = dxRounded = rounded.data();
  }

  std::map<std::string, std::vector<double>> times;
  std::map<std::string, double> now;
  const auto timed = [&](const std::string& name, int count, auto body) {
    const auto start = Clock::now();
    body();
    now[name] += count * std::chrono::duration<double, std::milli>(Clock::now() - start).count();
  };
  const auto product = [&](const Stores& from, int ld, const ops::PackedMatrix& w, auto& to, int ldTo,
                           const float* residual) {
    const ops::DType type = ops::dtypeOf<std::decay_t<decltype(to[0])>>();
    timed("matmul", m.layers, [&] {
      ops::matmul(team, engine, {from.data(), ld, &w, to.data(), type, ldTo, nullptr, residual, ldTo, rows});
    });
  };
  const auto productBack = [&](const Store* from, int ld, const ops::PackedMatrix& w, auto& to, int ldTo) {
    const ops::DType type = ops::dtypeOf<std::decay_t<decltype(to[0])>>();
    timed("matmul_backward", m.layers, [&] {
      ops::matmul_backward(team, engine, {from, ld, &w, to.data(), type, ldTo, rows});
    });
  };
  const Adapters qkvLora{attentionIn[0].at(0, s[0]), attentionIn[1].at(H, s[1]), attentionIn[2].at(2 * H, s[2])};
  const Adapters oLora{o.at(0, s[0])};
  const Adapters gateUpLora{mlpIn[0].at(0, s[0]), mlpIn[1].at(I, s[1])};
  const Adapters downLora{down.at(0, s[0])};
  const auto adapt = [&](const Adapters& p, const Stores& from, int in, auto& to, int ldTo) {
    using Out = std::decay_t<decltype(to[0])>;
    timed("lora", m.layers, [&] {
      ops::lora(team, ops::LoraT<float, Store, Out>{p.data(), static_cast<std::int32_t>(p.size()), from.data(), in, in,
                                                    to.data(), ldTo});
    });
  };
  const auto adaptBack = [&](const Adapters& p, const Store* dy, int ldDy, const Stores& from, int in, auto& to) {
    using Out = std::decay_t<decltype(to[0])>;
    timed("lora_backward", m.layers, [&] {
      ops::lora_backward(team,
                         ops::LoraBackwardT<float, Store, Out>{p.data(), static_cast<std::int32_t>(p.size()), dy, ldDy,
                                                               from.data(), in, in, to.data(), in, loraScratch.data()});
    });
  };
  const auto turn = [&](Stores& heads, bool inverse) {
    timed("rope", m.layers, [&] {
      ops::rope(team, ops::RopeT<Store>{cut, heads.data(), 3 * H, 0, 2 * m.heads, m.headDim, frequencies.data(),
                                        m.headDim / 2, inverse, 0, rows});
    });
  };
  const auto norm = [&](const Floats& from, Stores& to) {
    timed("rmsnorm", m.layers, [&] {
      ops::rmsnorm(team,
                   ops::RmsnormT<float, Store>{from.data(), weight.data(), to.data(), rstd.data(), rows, H, 1e-5F});
    });
  };
  const auto normBack = [&](const Floats& from) {
    timed("rmsnorm_backward", m.layers, [&] {
      ops::rmsnorm_backward(
          team, {dNormed.data(), from.data(), rstd.data(), weight.data(), dx.data(), dx.data(), rows, H, dxRounded});
    });
  };
  for (int repetition = 0; repetition <= kRepetitions; ++repetition) {
    now.clear();
    norm(x, h);
    product(h, H, qkvWeight, qkv, 3 * H, nullptr);
    adapt(qkvLora, h, H, qkv, 3 * H);
    turn(qkv, false);
    timed("attention", m.layers, [&] {
      ops::attention(team, ops::AttentionT<float, Store>{cut, qkv.data(), 3 * H, 0, H, 2 * H, out.data(), H, lse.data(),
                                                         m.heads, m.heads, m.headDim, attentionScratch.data()});
    });
    product(out, H, oWeight, xMid, H, x.data());
    adapt(oLora, out, H, xMid, H);
    norm(xMid, h2);
    product(h2, H, gateUpWeight, gateUp, 2 * I, nullptr);
    if (allProjections) adapt(gateUpLora, h2, H, gateUp, 2 * I);
    timed("swiglu", m.layers, [&] {
      ops::swiglu(team, ops::SwigluT<Store>{gateUp.data(), 2 * I, act.data(), I, rows, I});
    });
    product(act, I, downWeight, y, H, xMid.data());
    if (allProjections) adapt(downLora, act, I, y, H);
    timed("head_loss", 1, [&] {
      ops::head_loss(
          team, engine,
          {&whole, 1, targets.data(), h2.data(), &headWeight, dx.data(), logits.data(), kTileRows, rows, &loss});
    });
    productBack(dxCompute, H, downWeight, dact, I);
    if (allProjections) adaptBack(downLora, dxCompute, H, act, I, dact);
    timed("swiglu_backward", m.layers, [&] {
      ops::swiglu_backward(
          team, ops::SwigluBackwardT<Store>{gateUp.data(), 2 * I, dact.data(), I, dgateUp.data(), 2 * I, rows, I});
    });
    productBack(dgateUp.data(), 2 * I, gateUpWeight, dNormed, H);
    if (allProjections) adaptBack(gateUpLora, dgateUp.data(), 2 * I, h2, H, dNormed);
    normBack(xMid);
    productBack(dxCompute, H, oWeight, dout, H);
    adaptBack(oLora, dxCompute, H, out, H, dout);
    timed("attention_backward", m.layers, [&] {
      ops::attention_backward(team, ops::AttentionBackwardT<float, Store>{
                                        cut, qkv.data(), 3 * H, 0, H, 2 * H, out.data(), H, dout.data(), H, lse.data(),
                                        dqkv.data(), 3 * H, m.heads, m.heads, m.headDim, attentionScratch.data()});
    });
    turn(dqkv, true);
    productBack(dqkv.data(), 3 * H, qkvWeight, dNormed, H);
    adaptBack(qkvLora, dqkv.data(), 3 * H, h, H, dNormed);
    normBack(x);
    if (repetition > 0) {
      for (const auto& [name, ms] : now) times[name].push_back(ms);
    }
  }
  double total = 0;
  double base = 0;
  std::map<std::string, double> least;  // of all repetitions: other processes only ever add
  for (auto& [name, list] : times) {
    least[name] = *std::min_element(list.begin(), list.end());
    total += least[name];
    if (name == "matmul" || name == "matmul_backward" || name == "head_loss") base += least[name];
  }
  const double layerFlops = 2.0 * rows * (4.0 * H * H + 3.0 * H * I) * m.layers;
  std::printf(
      "hidden %d, %d layers, vocabulary %d, %d tokens in %d segments, rank %d on %s, %s, %d threads, %s: %.1f ms, not "
      "base matmuls or head %.1f %%\n",
      H, m.layers, m.vocabulary, rows, kSegments, kRank, allProjections ? "all seven" : "q, k, v, o",
      ops::dtypeName(kType), threads, ops::isaName(ops::currentIsa()), total, 100 * (total - base) / total);
  for (const auto& [name, ms] : least) {
    std::printf("  %-18s %8.2f ms %5.1f %%", name.c_str(), ms, 100 * ms / total);
    if (name == "matmul" || name == "matmul_backward") std::printf("  %.0f GF/s", layerFlops / ms / 1e6);
    if (name == "head_loss") std::printf("  %.0f GF/s", 4.0 * rows * H * m.vocabulary / ms / 1e6);
    std::printf("\n");
  }
}

}  // namespace

int timeSteps() {
  for (const int threads : {1, 2}) {
    for (const ops::DType type : {ops::DType::float32, ops::DType::bfloat16}) {
      ops::withStore(type, [&]<class Store>(Store) {
        timeModel<Store>({256, 688, 4, 64, 4096, 8}, 256, threads, false);
        timeModel<Store>({256, 688, 32, 8, 4096, 8}, 256, threads, false);
        timeModel<Store>({768, 2048, 12, 64, 32000, 12}, 256, threads, false);
        timeModel<Store>({768, 2048, 12, 64, 32000, 12}, 256, threads, true);
      });
    }
  }
  return 0;
}

}  // namespace loratwin::test
