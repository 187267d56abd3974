// op_table: every operator x every case, checked in these modes, one JSON line each {op, mode, case, error,
// tolerance, ok}:
//
//   forward, backward     fast against the f64 reference, NMSE, for every build and 1 and 2 threads (the largest
//   error of them)
//   gradient              the reference's backward against central differences of the reference's forward, in f64
//   repeat                two runs of the fast operator give the same bytes
//   threads               1 and 2 threads give the same bytes (operators with a matmul, on AMX: the same numbers to f32
//   rounding)
//   alone                 a segment's results when run by itself equal its part of the whole batch (likewise)
//   rows                  rows of products have the same bits whatever number of rows they are of (error: how many have
//   not), from two rows on
//   exponential           e^x, as seen in head_loss's softmax over two logits, relative error over -86 .. 0
//   forward of kinds ..   the first six modes, for the kinds of attention (attention_kinds.cc)
//   tanh                  tanh, as seen in lse of a capped score and in the loss of capped logits, relative error
//   long window           attention of a window or chunk as long as the sequence has the bytes of attention without one
//   unseen keys           keys that no query of a tile sees are not touched: NaN in them changes no bit
//   places, ties, lone rows
//                         where route puts pairs, which of equal logits it takes, and rows alone at their expert
//   row by row, parts     sequences in a cache, cut into runs otherwise, have the same bytes
//   shared adapter        two segments of one adapter in a call (error: floats that differ from two calls)
//   refuses               arguments out of range throw std::invalid_argument (error: how many did not)
//   bound, double quantization, table, size, panels, bits, not finite
//                         the formats of quantized weights: errors by their bounds, panels by the reference's bits
//   dropout               the masks of lora's forward and backward are dropout.h's, at the right rate
//
// op_table --time: milliseconds of each operator in a training step instead.
// op_table --pairs [ROWS]: the first six modes of the operators that multiply pairs of bfloat16s (src/ops/units.h)
// alone, in cases of at most so many rows. --kinds [ROWS]: the same of the kinds of attention. It is also built as
// op_table_tiles, in which plain C++ stands in for the tiles of AMX (src/ops/tiles_plain.h), and as op_table_amx, in
// which their instructions are carried out by amx_emulation.cc.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <stdexcept>

#include "operators.h"
#include "ops/dropout.h"
#include "ops/embed.h"
#include "ops/head_loss.h"
#include "ops/head_loss_rows.h"
#include "ops/isa.h"
#include "ops/lora.h"
#include "ops/rope.h"
#include "step_timing.h"
#include "thread_team.h"

namespace loratwin::test {
namespace {

constexpr double kRounding = 1e-12;         // NMSE of two f32 results that differ in summation order alone
constexpr double kFiniteDifference = 1e-6;  // of the gradient's own size
constexpr double kFiniteDifferenceStep = 1e-5;

bool allOk = true;

void report(const std::string& op, const std::string& mode, const std::string& name, double error, double tolerance) {
  const bool ok = error <= tolerance;  // false for NaN
  allOk = allOk && ok;
  char number[32] = "null";
  if (std::isfinite(error)) std::snprintf(number, sizeof number, "%.3g", error);
  std::printf("{\"op\":\"%s\",\"mode\":\"%s\",\"case\":\"%s\",\"error\":%s,\"tolerance\":%.3g,\"ok\":%s}\n", op.c_str(),
              mode.c_str(), name.c_str(), number, tolerance, ok ? "true" : "false");
}

template <class To, class From>
Tensors<To> convert(const Tensors<From>& from) {
  Tensors<To> to;
  for (const std::vector<From>& tensor : from) to.emplace_back(tensor.begin(), tensor.end());
  return to;
}

std::int64_t sizeOf(const Tensor& tensor, const Case& shape) {
  return tensor.extent == Extent::rows ? tensor.width * shape.rows() : tensor.width;
}

Tensors<float> randomTensors(const std::vector<Tensor>& specs, const Case& shape, std::uint32_t seed) {
  Tensors<float> tensors;
  std::mt19937 random(seed + static_cast<std::uint32_t>(shape.rows() * 131 + shape.hidden));
  for (const Tensor& spec : specs) {
    std::uniform_real_distribution<float> uniform(spec.centre - spec.spread, spec.centre + spec.spread);
    std::vector<float> values(static_cast<std::size_t>(sizeOf(spec, shape)));
    for (float& value : values) value = uniform(random);
    if (spec.bf16) values = toFloats(toBf16(values));
    tensors.push_back(std::move(values));
  }
  return tensors;
}

// Gradients of the outputs: random where the operator takes one, else 0.
Tensors<float> outputGradients(const Operator& op, const Case& shape) {
  std::vector<Tensor> specs = op.outputs(shape);
  for (Tensor& spec : specs) spec.bf16 = spec.bf16 || op.gradedBf16;
  Tensors<float> graded = randomTensors(specs, shape, 77);
  for (std::size_t i = 0; i < specs.size(); ++i) {
    if (!op.gradedOutput(specs[i].name)) std::fill(graded[i].begin(), graded[i].end(), 0.0F);
  }
  return graded;
}

template <class A, class B>
double nmse(const std::vector<A>& got, const std::vector<B>& expected) {
  if (got.size() != expected.size()) return INFINITY;
  double error = 0;
  double size = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double difference = static_cast<double>(got[i]) - static_cast<double>(expected[i]);
    error += difference * difference;
    size += static_cast<double>(expected[i]) * static_cast<double>(expected[i]);
  }
  return error == 0 ? 0 : size == 0 ? INFINITY : error / size;
}

template <class A, class B>
double largestNmse(const Tensors<A>& got, const Tensors<B>& expected) {
  if (got.size() != expected.size()) return INFINITY;
  double largest = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double error = nmse(got[i], expected[i]);
    largest = std::isnan(error) || error > largest ? error : largest;
    if (std::isnan(largest)) return largest;
  }
  return largest;
}

// 0 when the bytes are equal, else the number of differing floats
double differences(const Tensors<float>& a, const Tensors<float>& b) {
  double count = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = 0; j < a[i].size(); ++j) count += std::memcmp(&a[i][j], &b[i][j], sizeof(float)) != 0 ? 1 : 0;
  }
  return count;
}

struct Team {
  ThreadTeam one{1};
  ThreadTeam two{2};
};

struct Problem {
  const Operator& op;
  const Case& shape;
  Tensors<float> in;
  Tensors<float> graded;
  Tensors<float> out;  // the reference's, so that the backward operators are judged by themselves

  Problem(const Operator& o, const Case& c) : op(o), shape(c), in(randomTensors(o.inputs(c), c, 5)) {
    out = convert<float>(op.forwardReference(shape, convert<double>(in)));
    const std::vector<Tensor> specs = op.outputs(shape);
    for (std::size_t i = 0; i < specs.size(); ++i) {
      if (specs[i].bf16) out[i] = toFloats(toBf16(out[i]));
    }
    if (op.backward) graded = outputGradients(op, shape);
  }
  Tensors<float> forward(ops::ExecContext& context) const { return op.forward(context, shape, in); }
  Tensors<float> backward(ops::ExecContext& context) const { return op.backward(context, shape, in, out, graded); }
};

void reportOf(const Problem& problem, const std::string& mode, double error, double tolerance) {
  const std::string& kind = problem.op.kind;
  report(problem.op.name, kind.empty() ? mode : mode + " of kinds",
         kind.empty() ? problem.shape.name : kind + ", " + problem.shape.name, error, tolerance);
}

void checkAgainstReference(const Problem& problem, Team& team) {
  const Tensors<double> in = convert<double>(problem.in);
  const Tensors<double> expected = problem.op.forwardReference(problem.shape, in);
  Tensors<double> expectedBack;
  if (problem.op.backward)
    expectedBack =
        problem.op.backwardReference(problem.shape, in, convert<double>(problem.out), convert<double>(problem.graded));
  double forward = 0;
  double backward = 0;
  for (const ops::Isa isa : ops::kIsas) {
    if (!ops::isSupported(isa)) continue;
    ops::setIsa(isa);
    for (ops::ExecContext* context :
         {static_cast<ops::ExecContext*>(&team.one), static_cast<ops::ExecContext*>(&team.two)}) {
      forward = std::fmax(forward, largestNmse(problem.forward(*context), expected));
      if (problem.op.backward) backward = std::fmax(backward, largestNmse(problem.backward(*context), expectedBack));
    }
  }
  reportOf(problem, "forward", forward, problem.op.forwardTolerance);
  if (problem.op.backward) reportOf(problem, "backward", backward, problem.op.backwardTolerance);
}

// <outputs, graded> of the reference at inputs `in`
double objective(const Problem& problem, const Tensors<double>& in) {
  const Tensors<double> out = problem.op.forwardReference(problem.shape, in);
  double sum = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    for (std::size_t j = 0; j < out[i].size(); ++j) sum += out[i][j] * static_cast<double>(problem.graded[i][j]);
  }
  return sum;
}

// Two random directions and two single elements of every differentiated input.
void checkGradient(const Problem& problem) {
  Tensors<double> in = convert<double>(problem.in);
  const Tensors<double> gradients = problem.op.backwardReference(
      problem.shape, in, problem.op.forwardReference(problem.shape, in), convert<double>(problem.graded));
  std::mt19937 random(11);
  std::normal_distribution<double> normal;
  double worst = 0;
  for (std::size_t i = 0; i < in.size(); ++i) {
    const std::size_t n = in[i].size();
    if (gradients[i].empty() || n == 0) continue;
    double norm = 0;
    for (const double g : gradients[i]) norm += g * g;
    norm = std::sqrt(norm);
    for (int trial = 0; trial < 4; ++trial) {
      std::vector<double> direction(n);
      if (trial < 2) {
        for (double& d : direction) d = normal(random);
      } else {
        direction[random() % n] = 1;
      }
      const std::vector<double> at = in[i];
      double expected = 0;
      double length = 0;
      for (std::size_t j = 0; j < n; ++j) {
        expected += direction[j] * gradients[i][j];
        length += direction[j] * direction[j];
      }
      const auto along = [&](double step) {
        for (std::size_t j = 0; j < n; ++j) in[i][j] = at[j] + step * direction[j];
        return objective(problem, in);
      };
      const double up = along(kFiniteDifferenceStep);
      const double down = along(-kFiniteDifferenceStep);
      in[i] = at;
      const double got = (up - down) / (2 * kFiniteDifferenceStep);
      const double size = norm * std::sqrt(length / static_cast<double>(n)) + 1e-6;
      worst = std::fmax(worst, std::fabs(got - expected) / size);
    }
  }
  reportOf(problem, "gradient", worst, kFiniteDifference);
}

void checkRepeat(const Problem& problem, Team& team) {
  double different = differences(problem.forward(team.two), problem.forward(team.two));
  if (problem.op.backward) different += differences(problem.backward(team.two), problem.backward(team.two));
  reportOf(problem, "repeat", different, 0);
}

void checkThreads(const Problem& problem, Team& team) {
  const auto compare = [&](const Tensors<float>& a, const Tensors<float>& b) {
    return problem.op.exactAlone ? differences(a, b) : largestNmse(a, b);
  };
  double error = compare(problem.forward(team.one), problem.forward(team.two));
  if (problem.op.backward) error = std::fmax(error, compare(problem.backward(team.one), problem.backward(team.two)));
  reportOf(problem, "threads", error, problem.op.exactAlone ? 0 : kRounding);
}

// What of a batch's tensors belongs to segment g; shared tensors whole.
Tensors<float> slice(const std::vector<Tensor>& specs, const Tensors<float>& whole, const Layout& layout, int g) {
  Tensors<float> part;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    if (specs[i].extent == Extent::shared) {
      part.push_back(whole[i]);
    } else if (specs[i].extent == Extent::segment) {
      if (specs[i].segment == g) part.push_back(whole[i]);
    } else if (whole[i].empty()) {
      part.emplace_back();
    } else {
      const std::int64_t begin = layout.starts[static_cast<std::size_t>(g)] * specs[i].width;
      const std::int64_t end = layout.starts[static_cast<std::size_t>(g) + 1] * specs[i].width;
      part.emplace_back(whole[i].begin() + begin, whole[i].begin() + end);
    }
  }
  return part;
}

void checkAlone(const Problem& problem, Team& team) {
  const Operator& op = problem.op;
  const Layout layout(problem.shape);
  const std::vector<Tensor> inputs = op.inputs(problem.shape);
  const std::vector<Tensor> outputs = op.outputs(problem.shape);
  const Tensors<float> out = problem.forward(team.two);
  Tensors<float> gradients;
  if (op.backward) gradients = problem.backward(team.two);
  double error = 0;
  const auto compare = [&](const Tensors<float>& a, const Tensors<float>& b) {
    error = std::fmax(error, op.exactAlone ? differences(a, b) : largestNmse(a, b));
  };
  for (std::size_t g = 0; g < problem.shape.segments.size(); ++g) {
    const int segment = static_cast<int>(g);
    Case single = problem.shape;
    single.segments = {problem.shape.segments[g]};
    const Tensors<float> in = slice(inputs, problem.in, layout, segment);
    compare(op.forward(team.two, single, in), slice(outputs, out, layout, segment));
    if (!op.backward) continue;
    compare(op.backward(team.two, single, in, slice(outputs, problem.out, layout, segment),
                        slice(outputs, problem.graded, layout, segment)),
            slice(inputs, gradients, layout, segment));
  }
  reportOf(problem, "alone", error, op.exactAlone ? 0 : kRounding);
}

// Two segments of one adapter in one call add to its gradients what two calls would, bit by bit; dx may be left out.
void checkSharedAdapter(ops::ExecContext& context) {
  constexpr std::int32_t K = 70;
  constexpr std::int32_t N = 90;
  constexpr std::int32_t R = 5;
  constexpr std::int32_t T = 40;
  std::mt19937 random(3);
  std::uniform_real_distribution<float> uniform(-1.0F, 1.0F);
  const auto fill = [&](std::size_t count) {
    std::vector<float> values(count);
    for (float& value : values) value = uniform(random);
    return values;
  };
  const std::vector<float> x = fill(T * K), dy = fill(T * N), a = fill(R * K), b = fill(N * R);
  std::vector<float> s = fill(T * R);
  std::vector<float> scratch(ops::loraBackwardScratchBytes(T, R, 1, ops::DType::float32) / sizeof(float));
  const auto run = [&](const std::vector<std::vector<ops::LoraSegment>>& calls, Tensors<float>& gradients,
                       bool wantDx) {
    gradients = {std::vector<float>(R * K), std::vector<float>(N * R), std::vector<float>(T * K)};
    for (std::vector<ops::LoraSegment> segments : calls) {
      for (ops::LoraSegment& segment : segments) {
        segment.a = a.data();
        segment.b = b.data();
        segment.da = gradients[0].data();
        segment.db = gradients[1].data();
        segment.rank = R;
      }
      const ops::LoraSegments view{segments.data(), static_cast<std::int32_t>(segments.size()), nullptr, 0};
      float* dx = wantDx ? gradients[2].data() : nullptr;
      const ops::LoraProjection projection{view, 0, N, s.data(), R};
      ops::lora_backward(context,
                         ops::LoraBackward{&projection, 1, dy.data(), N, x.data(), K, K, dx, K, scratch.data()});
    }
  };
  const ops::LoraSegment first{.rowStart = 0, .rowEnd = 13};
  const ops::LoraSegment second{.rowStart = 20, .rowEnd = T};
  Tensors<float> together;
  Tensors<float> apart;
  run({{first, second}}, together, true);
  run({{first}, {second}}, apart, true);
  report("lora", "shared adapter", "two segments with rows between them", differences(together, apart), 0);
  run({{first, second}}, apart, false);
  std::fill(together[2].begin(), together[2].end(), 0.0F);
  report("lora", "shared adapter", "without dx", differences(together, apart), 0);
}

// With A the unit matrix, x = 1, B = 1 and dy = 1, both s and dx are the mask itself.
void checkDropout(ops::ExecContext& context, float p) {
  constexpr std::int64_t T = 300;
  constexpr std::int64_t K = 50;
  std::vector<float> x(T * K, 1.0F), a(K * K), b(K, 1.0F), da(K * K), db(K), y(T), dy(T, 1.0F), s(T * K), dx(T * K);
  for (std::int64_t k = 0; k < K; ++k) a[static_cast<std::size_t>(k * K + k)] = 1.0F;
  std::vector<std::int32_t> keys(T);
  for (std::int64_t t = 0; t < T; ++t) keys[static_cast<std::size_t>(t)] = static_cast<std::int32_t>(1000 - t);
  const ops::LoraSegment segment{0, T, a.data(), b.data(), da.data(), db.data(), K, 1.0F, p, {3, 4}};
  const ops::LoraSegments segments{&segment, 1, keys.data(), 9};
  std::vector<float> scratch(ops::loraBackwardScratchBytes(T, K, 1, ops::DType::float32) / sizeof(float));
  const ops::LoraProjection projection{segments, 0, 1, s.data(), K};
  ops::lora(context, ops::Lora{&projection, 1, x.data(), K, K, y.data(), 1});
  ops::lora_backward(context,
                     ops::LoraBackward{&projection, 1, dy.data(), 1, x.data(), K, K, dx.data(), K, scratch.data()});
  double wrong = 0;
  double kept = 0;
  for (std::int64_t t = 0; t < T; ++t) {
    for (std::int64_t k = 0; k < K; ++k) {
      const std::size_t i = static_cast<std::size_t>(t * K + k);
      const bool keep = ops::dropoutKeep(ops::dropoutRow(segment.seed, keys[static_cast<std::size_t>(t)], 9),
                                         static_cast<std::uint32_t>(k), ops::dropoutThreshold(p));
      const float expected = keep ? 1.0F / (1.0F - p) : 0.0F;
      kept += keep ? 1 : 0;
      wrong += s[i] != expected || dx[i] != expected ? 1 : 0;
    }
  }
  const std::string name = std::string(ops::isaName(ops::currentIsa())) + ", p = " + std::to_string(p).substr(0, 4);
  report("lora", "dropout", name, wrong, 0);
  const double deviation = std::sqrt(static_cast<double>(p) * (1.0 - p) * T * K);
  report("lora", "dropout rate", name, std::fabs(kept - (1.0 - p) * T * K) / deviation, 4);
}

// The gradient of logits (0, x) with target 0 is e^x / (1 + e^x) in the second place.
void checkExponential() {
  double worst = 0;
  for (int i = 0; i < 86000; ++i) {
    const float x = -static_cast<float>(i) * 1e-3F;
    float z[2] = {0.0F, x};
    ops::head_loss_row(z, 2, 0, 1.0F, ops::RowGradient::float32);
    const double expected = std::exp(static_cast<double>(x));
    worst = std::fmax(worst, std::fabs(z[1] * (1.0 + expected) / expected - 1.0));
  }
  report("head_loss", "exponential", ops::isaName(ops::currentIsa()), worst, 2e-6);
}

// The loss of logits (c tanh x, 0), the smaller of which is the target, is c |tanh x| when that is above 40: what
// exp(-40) adds is lost. c is a power of 2.
void checkTanh() {
  double worst = 0;
  for (int i = 0; i < 45 * 256; ++i) {
    const float size = std::ldexp(1.0F + static_cast<float>(i % 256) / 256.0F, i / 256 - 40);
    const float scale = std::ldexp(64.0F, std::max(40 - i / 256, 0));
    for (const float x : {size, -size}) {
      float z[2] = {x, 0.0F};
      const double loss = ops::head_loss_row(z, 2, x > 0.0F ? 1 : 0, 1.0F, ops::RowGradient::none, {scale, scale});
      const double expected = std::tanh(static_cast<double>(size));
      worst = std::fmax(worst, std::fabs(loss / static_cast<double>(scale) / expected - 1.0));
    }
  }
  report("head_loss", "tanh", ops::isaName(ops::currentIsa()), worst, 1e-6);
}

void checkRefusals(ops::ExecContext& context) {
  const auto judge = [](const std::string& op, const std::string& name, auto call) {
    double missing = 1;
    try {
      call();
    } catch (const std::invalid_argument&) {
      missing = 0;
    }
    report(op, "refuses", name, missing, 0);
  };
  float x[64] = {};
  float y[64] = {};
  double losses[1] = {};
  std::vector<float> scratch(4096);
  ops::MatmulEngine engine(context.threads());
  const ops::PackedMatrix both(engine, x, 4, 4, true);
  const ops::PackedMatrix forwardOnly(engine, x, 4, 4, false);
  for (const std::int32_t id : {-1, 4}) {
    judge("embed", "id " + std::to_string(id) + " of 4", [&] { ops::embed(context, {x, &id, y, 1, 4, 4}); });
  }
  const ops::LossSegment segment{0, 1, 1.0F};
  for (const std::int32_t target : {-2, 4}) {
    judge("head_loss", "target " + std::to_string(target) + " of 4", [&] {
      ops::head_loss(context, engine, {&segment, 1, &target, x, &both, y, scratch.data(), 4, 1, losses});
    });
  }
  judge("matmul", "a stride below the features", [&] {
    ops::matmul(context, engine, {x, 3, &both, y, ops::DType::float32, 4, nullptr, nullptr, 0, 2});
  });
  judge("matmul", "a weight packed forward only", [&] {
    ops::matmul_backward(context, engine, {x, 4, &forwardOnly, y, ops::DType::float32, 4, 2});
  });
  const std::int32_t offsets[2] = {0, 1};
  judge("rope", "an odd head", [&] { ops::rope(context, {{offsets, 1}, x, 8, 0, 1, 5, y, 2, false, 0, 1}); });
  for (const std::int32_t turned : {0, 4}) {
    judge("rope", std::to_string(turned) + " frequencies of a head of 6", [&] {
      ops::rope(context, {{offsets, 1}, x, 8, 0, 1, 6, y, turned, false, 0, 1});
    });
  }
  const ops::LoraSegment dropped{0, 1, x, x, nullptr, nullptr, 1, 1.0F, 0.5F, {1, 2}};
  const ops::LoraSegment kept{0, 1, x, x, nullptr, nullptr, 1, 1.0F};
  const std::int32_t keys[1] = {0};
  const ops::LoraProjection projections[] = {{{&dropped, 1, nullptr, 0}, 0, 4, y + 32, 1},
                                             {{&dropped, 1, keys, 0}, 0, 4, y + 32, 1},
                                             {{&kept, 1, keys, 0}, 4, 4, y + 36, 1}};
  judge("lora", "dropout without row keys", [&] { ops::lora(context, ops::Lora{projections, 1, x, 4, 4, y, 8}); });
  judge("lora", "projections whose segments differ", [&] {
    ops::lora(context, ops::Lora{projections + 1, 2, x, 4, 4, y, 8});
  });
  judge("lora", "no projection", [&] { ops::lora(context, ops::Lora{projections, 0, x, 4, 4, y, 8}); });
}

void checkOperators(const std::vector<Operator>& table, const std::vector<Case>& cases, std::int64_t mostRows,
                    Team& team) {
  for (const Operator& op : table) {
    for (const Case& shape : cases) {
      if (shape.rows() > mostRows) continue;
      const Problem problem(op, shape);
      checkAgainstReference(problem, team);
      checkRepeat(problem, team);
      checkThreads(problem, team);
      checkAlone(problem, team);
      if (op.backward && !op.float32Gradient && shape.rows() <= 200) checkGradient(problem);
    }
  }
}

int runPairs(std::int64_t mostRows) {
  Team team;
  std::vector<Operator> table = operatorTable();
  for (Operator& op : bf16Operators(table)) table.push_back(std::move(op));
  std::erase_if(table, [](const Operator& op) {
    return !op.name.ends_with("bf16") || (!op.name.starts_with("attention") && !op.name.starts_with("lora"));
  });
  checkOperators(table, caseTable(), mostRows, team);
  return allOk ? 0 : 1;
}

int runKinds(std::int64_t mostRows) {
  Team team;
  std::vector<Operator> table = attentionKinds();
  std::erase_if(table, [](const Operator& op) { return !op.name.ends_with("bf16"); });
  checkOperators(table, attentionCases(), mostRows, team);
  return allOk ? 0 : 1;
}

int runTable() {
  Team team;
  std::vector<Operator> table = operatorTable();
  const std::vector<Operator> quantized = quantizedOperators(table);
  for (Operator& op : bf16Operators(table)) table.push_back(std::move(op));
  table.insert(table.end(), quantized.begin(), quantized.end());
  checkOperators(table, caseTable(), std::numeric_limits<std::int64_t>::max(), team);
  checkOperators(attentionKinds(), attentionCases(), std::numeric_limits<std::int64_t>::max(), team);
  for (const ops::Isa isa : ops::kIsas) {
    if (!ops::isSupported(isa)) continue;
    ops::setIsa(isa);
    checkExponential();
    checkTanh();
    checkAttentionKinds(team.one, report);
    checkCached(team.one, team.two, report);
    for (const float p : {0.05F, 0.1F, 0.5F, 0.9F}) checkDropout(team.two, p);
  }
  checkQuantization(report);
  checkProductRows(team.two, report);
  checkHeadAdapters(team.one, team.two, report);
  checkMagnitudes(team.one, team.two, report);
  checkTokenRows(team.one, team.two, report);
  checkPreference(team.one, team.two, report);
  checkExperts(team.two, report);
  checkSharedAdapter(team.two);
  checkRefusals(team.two);
  return allOk ? 0 : 1;
}

}  // namespace
}  // namespace loratwin::test

int main(int count, char** arguments) {
  if (count > 1 && std::strcmp(arguments[1], "--time") == 0) return loratwin::test::timeSteps();
  const std::int64_t mostRows = count > 2 ? std::atoll(arguments[2]) : std::numeric_limits<std::int64_t>::max();
  if (count > 1 && std::strcmp(arguments[1], "--pairs") == 0) return loratwin::test::runPairs(mostRows);
  if (count > 1 && std::strcmp(arguments[1], "--kinds") == 0) return loratwin::test::runKinds(mostRows);
  return loratwin::test::runTable();
}
