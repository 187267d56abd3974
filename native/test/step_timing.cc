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
using Buffer = std::vector<float>;

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

Buffer randomBuffer(std::int64_t count, float spread) {
  static std::mt19937 random(1);
  std::uniform_real_distribution<float> uniform(-spread, spread);
  Buffer buffer(static_cast<std::size_t>(count));
  for (float& value : buffer) value = uniform(random);
  return buffer;
}

// Adapters of every segment for one projection [out, in].
struct Projection {
  int in;
  int out;
  Buffer a, b, da, db;
  std::vector<ops::LoraSegment> segments;

  Projection(int inFeatures, int outFeatures, int rows)
      : in(inFeatures),
        out(outFeatures),
        a(randomBuffer(std::int64_t{kSegments} * kRank * in, 0.1F)),
        b(randomBuffer(std::int64_t{kSegments} * kRank * out, 0.1F)),
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
  ops::LoraProjection at(int column, Buffer& s) const {
    return {{segments.data(), kSegments, nullptr, 0}, column, out, s.data(), kRank};
  }
};

void timeModel(const Model& m, int rows, int threads, bool allProjections) {
  ThreadTeam team(threads);
  ops::MatmulEngine engine(threads);
  const int H = m.hidden;
  const int I = m.intermediate;
  const ops::PackedMatrix qkvWeight(engine, randomBuffer(std::int64_t{3} * H * H, 0.05F).data(), 3 * H, H, true);
  const ops::PackedMatrix oWeight(engine, randomBuffer(std::int64_t{H} * H, 0.05F).data(), H, H, true);
  const ops::PackedMatrix gateUpWeight(engine, randomBuffer(std::int64_t{2} * I * H, 0.05F).data(), 2 * I, H, true);
  const ops::PackedMatrix downWeight(engine, randomBuffer(std::int64_t{H} * I, 0.05F).data(), H, I, true);
  const ops::PackedMatrix headWeight(engine, randomBuffer(std::int64_t{m.vocabulary} * H, 0.05F).data(), m.vocabulary,
                                     H, true);
  Projection attentionIn[3] = {Projection(H, H, rows), Projection(H, H, rows), Projection(H, H, rows)};
  Projection o(H, H, rows);
  Projection mlpIn[2] = {Projection(H, I, rows), Projection(H, I, rows)};
  Projection down(I, H, rows);
  const std::int64_t T = rows;
  Buffer x = randomBuffer(T * H, 1), xMid(x), h(x), h2(x), dx(x), weight = randomBuffer(H, 1), rstd(rows),
         out = randomBuffer(T * H, 1), dout(out);
  Buffer s[3] = {Buffer(T * kRank), Buffer(T * kRank), Buffer(T * kRank)};
  Buffer qkv = randomBuffer(T * 3 * H, 1), dqkv(qkv), gateUp = randomBuffer(T * 2 * I, 1), dgateUp(gateUp),
         act = randomBuffer(T * I, 1), dact(act), lse(T * m.heads);
  const std::vector<std::int32_t> sequences{0, rows / 4, rows / 2, rows / 4 * 3, rows};
  const ops::Sequences cut{sequences.data(), 4};
  const std::size_t longest = static_cast<std::size_t>(rows) / 4;
  Buffer scratch(std::max(ops::attentionBackwardScratchBytes(static_cast<std::size_t>(threads), longest,
                                                             static_cast<std::size_t>(m.headDim)),
                          ops::loraBackwardScratchBytes(static_cast<std::size_t>(rows), kRank, ops::kLoraProjections,
                                                        ops::DType::float32)) /
                 sizeof(float));
  Buffer frequencies = randomBuffer(m.headDim / 2, 1);
  constexpr std::int32_t kTileRows = 256;
  Buffer logits(
      ops::headLossScratchBytes(kTileRows, static_cast<std::size_t>(H), static_cast<std::size_t>(m.vocabulary),
                                ops::DType::float32) /
      sizeof(float));
  std::vector<std::int32_t> targets(static_cast<std::size_t>(rows));
  for (std::size_t t = 0; t < targets.size(); ++t) targets[t] = static_cast<std::int32_t>(t * 7) % m.vocabulary;
  const ops::LossSegment whole{0, rows, 0.01F};
  double loss = 0;

  std::map<std::string, std::vector<double>> times;
  std::map<std::string, double> now;
  const auto timed = [&](const std::string& name, int count, auto body) {
    const auto start = Clock::now();
    body();
    now[name] += count * std::chrono::duration<double, std::milli>(Clock::now() - start).count();
  };
  const auto product = [&](const Buffer& from, int ld, const ops::PackedMatrix& w, Buffer& to, int ldTo,
                           const float* residual) {
    timed("matmul", m.layers, [&] {
      ops::matmul(team, engine, {from.data(), ld, &w, to.data(), ops::DType::float32, ldTo, nullptr, residual, ldTo, rows});
    });
  };
  const auto productBack = [&](const Buffer& from, int ld, const ops::PackedMatrix& w, Buffer& to, int ldTo) {
    timed("matmul_backward", m.layers, [&] {
      ops::matmul_backward(team, engine, {from.data(), ld, &w, to.data(), ops::DType::float32, ldTo, rows});
    });
  };
  const std::vector<ops::LoraProjection> qkvLora{attentionIn[0].at(0, s[0]), attentionIn[1].at(H, s[1]),
                                                 attentionIn[2].at(2 * H, s[2])};
  const std::vector<ops::LoraProjection> oLora{o.at(0, s[0])};
  const std::vector<ops::LoraProjection> gateUpLora{mlpIn[0].at(0, s[0]), mlpIn[1].at(I, s[1])};
  const std::vector<ops::LoraProjection> downLora{down.at(0, s[0])};
  const auto adapt = [&](const std::vector<ops::LoraProjection>& p, const Buffer& from, int in, Buffer& to, int ldTo) {
    timed("lora", m.layers, [&] {
      ops::lora(team, ops::Lora{p.data(), static_cast<std::int32_t>(p.size()), from.data(), in, in, to.data(), ldTo});
    });
  };
  const auto adaptBack = [&](const std::vector<ops::LoraProjection>& p, const Buffer& dy, int ldDy, const Buffer& from,
                             int in, Buffer& to) {
    timed("lora_backward", m.layers, [&] {
      ops::lora_backward(team, ops::LoraBackward{p.data(), static_cast<std::int32_t>(p.size()), dy.data(), ldDy,
                                                 from.data(), in, in, to.data(), in, scratch.data()});
    });
  };
  for (int repetition = 0; repetition <= kRepetitions; ++repetition) {
    now.clear();
    const auto norm = [&](Buffer& from, Buffer& to) {
      timed("rmsnorm", m.layers, [&] {
        ops::rmsnorm(team, {from.data(), weight.data(), to.data(), rstd.data(), rows, H, 1e-5F});
      });
    };
    const auto normBack = [&](Buffer& dy, Buffer& from, Buffer& residual, Buffer& to) {
      timed("rmsnorm_backward", m.layers, [&] {
        ops::rmsnorm_backward(
            team, {dy.data(), from.data(), rstd.data(), weight.data(), residual.data(), to.data(), rows, H});
      });
    };
    norm(x, h);
    product(h, H, qkvWeight, qkv, 3 * H, nullptr);
    adapt(qkvLora, h, H, qkv, 3 * H);
    timed("rope", m.layers, [&] {
      ops::rope(team, {cut, qkv.data(), 3 * H, 0, 2 * m.heads, m.headDim, frequencies.data(), false});
    });
    timed("attention", m.layers, [&] {
      ops::attention(team, {cut, qkv.data(), 3 * H, 0, H, 2 * H, out.data(), H, lse.data(), m.heads, m.heads, m.headDim,
                            scratch.data()});
    });
    product(out, H, oWeight, xMid, H, x.data());
    adapt(oLora, out, H, xMid, H);
    norm(xMid, h2);
    product(h2, H, gateUpWeight, gateUp, 2 * I, nullptr);
    if (allProjections) adapt(gateUpLora, h2, H, gateUp, 2 * I);
    timed("swiglu", m.layers, [&] { ops::swiglu(team, {gateUp.data(), 2 * I, act.data(), I, rows, I}); });
    product(act, I, downWeight, dx, H, xMid.data());
    if (allProjections) adapt(downLora, act, I, dx, H);
    timed("head_loss", 1, [&] {
      ops::head_loss(
          team, engine,
          {&whole, 1, targets.data(), h2.data(), &headWeight, dx.data(), logits.data(), kTileRows, rows, &loss});
    });
    productBack(dx, H, downWeight, dact, I);
    if (allProjections) adaptBack(downLora, dx, H, act, I, dact);
    timed("swiglu_backward", m.layers, [&] {
      ops::swiglu_backward(team, {gateUp.data(), 2 * I, dact.data(), I, dgateUp.data(), 2 * I, rows, I});
    });
    productBack(dgateUp, 2 * I, gateUpWeight, h2, H);
    if (allProjections) adaptBack(gateUpLora, dgateUp, 2 * I, h, H, h2);
    normBack(h2, xMid, dx, dx);
    productBack(dx, H, oWeight, dout, H);
    adaptBack(oLora, dx, H, out, H, dout);
    timed("attention_backward", m.layers, [&] {
      ops::attention_backward(team, {cut, qkv.data(), 3 * H, 0, H, 2 * H, out.data(), H, dout.data(), H, lse.data(),
                                     dqkv.data(), 3 * H, m.heads, m.heads, m.headDim, scratch.data()});
    });
    timed("rope", m.layers, [&] {
      ops::rope(team, {cut, dqkv.data(), 3 * H, 0, 2 * m.heads, m.headDim, frequencies.data(), true});
    });
    productBack(dqkv, 3 * H, qkvWeight, h, H);
    adaptBack(qkvLora, dqkv, 3 * H, h2, H, h);
    normBack(h, x, dx, dx);
    // keep values in range from one repetition to the next
    std::copy(h2.begin(), h2.end(), h.begin());
    qkv = randomBuffer(T * 3 * H, 1);
    x = randomBuffer(T * H, 1);
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
      "hidden %d, %d layers, vocabulary %d, %d tokens in %d segments, rank %d on %s, %d threads, %s: %.1f ms, not base "
      "matmuls or head %.1f %%\n",
      H, m.layers, m.vocabulary, rows, kSegments, kRank, allProjections ? "all seven" : "q, k, v, o", threads,
      ops::isaName(ops::currentIsa()), total, 100 * (total - base) / total);
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
    timeModel({256, 688, 4, 64, 4096, 8}, 256, threads, false);
    timeModel({256, 688, 32, 8, 4096, 8}, 256, threads, false);
    timeModel({768, 2048, 12, 64, 32000, 12}, 256, threads, false);
    timeModel({768, 2048, 12, 64, 32000, 12}, 256, threads, true);
  }
  return 0;
}

}  // namespace loratwin::test
