#include "operators.h"

#include <cmath>
#include <memory>

#include "ops/adamw.h"
#include "ops/attention.h"
#include "ops/embed.h"
#include "ops/head_loss.h"
#include "ops/lora.h"
#include "ops/matmul.h"
#include "ops/rmsnorm.h"
#include "ops/rope.h"
#include "ops/sum_squares.h"
#include "ops/swiglu.h"

namespace loratwin::test {

namespace {

using ops::ExecContext;

constexpr std::int64_t kPad = 3;  // strides are longer than the rows and not a multiple of anything
constexpr float kEps = 1e-5F;
constexpr float kInitialGradient = 0.25F;  // what dA and dB hold before lora_backward adds to them

const auto kEveryOutput = [](const std::string&) { return true; };

template <class Real>
std::vector<Real> zeros(std::int64_t count) {
  return std::vector<Real>(static_cast<std::size_t>(count));
}

std::vector<float> rotaryFrequencies(const Case& shape) {
  std::vector<float> frequencies;
  for (int i = 0; i < shape.headDim / 2; ++i) frequencies.push_back(std::pow(10000.0F, -2.0F * static_cast<float>(i) / static_cast<float>(shape.headDim)));
  return frequencies;
}

Operator embedOperator() {
  const auto run = [](const Case& c, const auto& in, auto call) {
    const Layout layout(c);
    auto out = std::decay_t<decltype(in[0])>(static_cast<std::size_t>(c.rows() * c.hidden));
    call({in[0].data(), layout.ids.data(), out.data(), c.rows(), c.hidden, c.vocabulary});
    return std::vector<decltype(out)>{out};
  };
  return {.name = "embed",
          .inputs = [](const Case& c) { return std::vector<Tensor>{{"table", Extent::shared, std::int64_t{c.vocabulary} * c.hidden}}; },
          .outputs = [](const Case& c) { return std::vector<Tensor>{{"out", Extent::rows, c.hidden}}; },
          .forward = [run](ExecContext& x, const Case& c, const Tensors<float>& in) { return run(c, in, [&](const ops::Embed& op) { ops::embed(x, op); }); },
          .forwardReference = [run](const Case& c, const Tensors<double>& in) { return run(c, in, [](const ops::EmbedT<double>& op) { ops::ref::embed(op); }); },
          .forwardTolerance = 0};
}

Operator rmsnormOperator() {
  // outputs y, rstd and x itself, whose gradient is the residual of the backward operator
  const auto run = [](const Case& c, const auto& in, auto call) {
    using Vector = std::decay_t<decltype(in[0])>;
    Vector y(in[0].size());
    Vector rstd(static_cast<std::size_t>(c.rows()));
    call({in[0].data(), in[1].data(), y.data(), rstd.data(), c.rows(), c.hidden, kEps});
    return std::vector<Vector>{y, rstd, in[0]};
  };
  const auto back = [](const Case& c, const auto& in, const auto& out, const auto& graded, auto call) {
    using Vector = std::decay_t<decltype(in[0])>;
    Vector dx(in[0].size());
    call({graded[0].data(), in[0].data(), out[1].data(), in[1].data(), graded[2].data(), dx.data(), c.rows(), c.hidden});
    return std::vector<Vector>{dx, {}};
  };
  return {.name = "rmsnorm",
          .inputs = [](const Case& c) { return std::vector<Tensor>{{"x", Extent::rows, c.hidden}, {"weight", Extent::shared, c.hidden}}; },
          .outputs = [](const Case& c) { return std::vector<Tensor>{{"y", Extent::rows, c.hidden}, {"rstd", Extent::rows, 1}, {"x", Extent::rows, c.hidden}}; },
          .forward = [run](ExecContext& x, const Case& c, const Tensors<float>& in) { return run(c, in, [&](const ops::Rmsnorm& op) { ops::rmsnorm(x, op); }); },
          .forwardReference = [run](const Case& c, const Tensors<double>& in) { return run(c, in, [](const ops::RmsnormT<double>& op) { ops::ref::rmsnorm(op); }); },
          .forwardTolerance = 1e-12,
          .backward = [back](ExecContext& x, const Case& c, const auto& in, const auto& out, const auto& graded) { return back(c, in, out, graded, [&](const ops::RmsnormBackward& op) { ops::rmsnorm_backward(x, op); }); },
          .backwardReference = [back](const Case& c, const auto& in, const auto& out, const auto& graded) { return back(c, in, out, graded, [](const ops::RmsnormBackwardT<double>& op) { ops::ref::rmsnorm_backward(op); }); },
          .backwardTolerance = 1e-12,
          .gradedOutput = [](const std::string& name) { return name != "rstd"; }};
}

enum class Extra { none, bias, residual, residualInPlace };

Operator matmulOperator(const std::string& name, Extra extra) {
  // inputs x [T, K + pad], w [N,K], bias [N], residual [T, N + pad]; N = intermediate, K = hidden
  return {.name = name,
          .inputs = [](const Case& c) {
            return std::vector<Tensor>{{"x", Extent::rows, c.hidden + kPad}, {"w", Extent::shared, std::int64_t{c.intermediate} * c.hidden},
                                       {"bias", Extent::shared, c.intermediate}, {"residual", Extent::rows, c.intermediate + kPad}};
          },
          .outputs = [](const Case& c) { return std::vector<Tensor>{{"y", Extent::rows, c.intermediate + kPad}}; },
          .forward = [extra](ExecContext& x, const Case& c, const Tensors<float>& in) {
            ops::MatmulEngine engine(x.threads());
            const ops::PackedMatrix w(engine, in[1].data(), c.intermediate, c.hidden, false);
            const std::int64_t ld = c.intermediate + kPad;
            std::vector<float> y = extra == Extra::residualInPlace ? in[3] : zeros<float>(c.rows() * ld);
            const float* residual = extra == Extra::residual ? in[3].data() : extra == Extra::residualInPlace ? y.data() : nullptr;
            ops::matmul(x, engine, {in[0].data(), c.hidden + kPad, &w, y.data(), ld, extra == Extra::bias ? in[2].data() : nullptr, residual, ld, c.rows()});
            for (int t = 0; t < c.rows(); ++t) std::fill_n(y.begin() + t * ld + c.intermediate, kPad, 0.0F);
            return Tensors<float>{y};
          },
          .forwardReference = [extra](const Case& c, const Tensors<double>& in) {
            const std::int64_t ld = c.intermediate + kPad;
            std::vector<double> y = zeros<double>(c.rows() * ld);
            const bool residual = extra == Extra::residual || extra == Extra::residualInPlace;
            ops::ref::matmul<double>({in[0].data(), c.hidden + kPad, in[1].data(), y.data(), ld, extra == Extra::bias ? in[2].data() : nullptr,
                                      residual ? in[3].data() : nullptr, ld, c.rows(), c.intermediate, c.hidden});
            return Tensors<double>{y};
          },
          .forwardTolerance = 1e-11,
          .backward = [](ExecContext& x, const Case& c, const Tensors<float>& in, const Tensors<float>&, const Tensors<float>& graded) {
            ops::MatmulEngine engine(x.threads());
            const ops::PackedMatrix w(engine, in[1].data(), c.intermediate, c.hidden, true);
            std::vector<float> dx = zeros<float>(c.rows() * (c.hidden + kPad));
            ops::matmul_backward(x, engine, {graded[0].data(), c.intermediate + kPad, &w, dx.data(), c.hidden + kPad, c.rows()});
            return Tensors<float>{dx, {}, {}, {}};
          },
          .backwardReference = [](const Case& c, const Tensors<double>& in, const Tensors<double>&, const Tensors<double>& graded) {
            std::vector<double> dx = zeros<double>(c.rows() * (c.hidden + kPad));
            ops::ref::matmul_backward<double>({graded[0].data(), c.intermediate + kPad, in[1].data(), dx.data(), c.hidden + kPad, c.rows(), c.intermediate, c.hidden});
            return Tensors<double>{dx, {}, {}, {}};
          },
          .backwardTolerance = 1e-11,
          .gradedOutput = kEveryOutput,
          .exactAlone = false};
}

// inputs x [T, K + pad], y [T, 5 + N + pad], then A_g, B_g for each segment with the target; outputs y, s and x (its gradient is dx's start)
template <class Real>
struct LoraProblem {
  Layout layout;
  std::vector<ops::LoraSegmentT<Real>> segments;
  std::int64_t maxRank = 1;

  LoraProblem(const Case& c, const Tensors<Real>& in, Tensors<Real>* gradients) : layout(c) {
    std::size_t next = 2;
    for (std::size_t g = 0; g < c.segments.size(); ++g) {
      const SegmentCase& s = c.segments[g];
      ops::LoraSegmentT<Real> segment{.rowStart = layout.starts[g], .rowEnd = layout.starts[g + 1]};
      if (s.rank > 0) {
        segment.a = in[next].data();
        segment.b = in[next + 1].data();
        if (gradients != nullptr) {
          segment.da = (*gradients)[next].data();
          segment.db = (*gradients)[next + 1].data();
        }
        next += 2;
      }
      segment.rank = s.rank;
      segment.scale = 2.0F / static_cast<float>(s.rank + 1);
      segment.dropout = s.dropout;
      segment.seed[0] = 7U + static_cast<std::uint32_t>(s.id);
      segment.seed[1] = 99U;
      maxRank = std::max<std::int64_t>(maxRank, s.rank);
      segments.push_back(segment);
    }
  }
  ops::LoraSegmentsT<Real> view() const {
    return {segments.data(), static_cast<std::int32_t>(segments.size()), layout.rowKeys.data(), 42};
  }
};

constexpr int kYColumn = 5;
constexpr std::int64_t kRankStride = 71;

template <class Real, class Call>
Tensors<Real> runLora(const Case& c, const Tensors<Real>& in, Call call) {
  const LoraProblem<Real> problem(c, in, nullptr);
  Tensors<Real> out{in[1], zeros<Real>(c.rows() * kRankStride), in[0]};
  call(ops::LoraT<Real>{problem.view(), in[0].data(), c.hidden + kPad, c.hidden, out[0].data(), kYColumn + c.intermediate + kPad, kYColumn,
                        c.intermediate, out[1].data(), kRankStride});
  return out;
}

template <class Real, class Call>
Tensors<Real> backLora(const Case& c, const Tensors<Real>& in, const Tensors<Real>& out, const Tensors<Real>& graded, Call call) {
  Tensors<Real> gradients{graded[2], {}};
  for (std::size_t i = 2; i < in.size(); ++i) gradients.emplace_back(in[i].size(), kInitialGradient);
  const LoraProblem<Real> problem(c, in, &gradients);
  std::vector<Real> scratch(ops::loraBackwardScratchBytes(static_cast<std::size_t>(c.rows()), static_cast<std::size_t>(problem.maxRank)) / sizeof(float));
  call(ops::LoraBackwardT<Real>{problem.view(), graded[0].data(), kYColumn + c.intermediate + kPad, kYColumn, c.intermediate, in[0].data(),
                                c.hidden + kPad, c.hidden, out[1].data(), kRankStride, gradients[0].data(), c.hidden + kPad, scratch.data()});
  for (std::size_t i = 2; i < in.size(); ++i) {
    for (Real& value : gradients[i]) value -= kInitialGradient;
  }
  return gradients;
}

Operator loraOperator() {
  return {.name = "lora",
          .inputs = [](const Case& c) {
            std::vector<Tensor> tensors{{"x", Extent::rows, c.hidden + kPad}, {"y", Extent::rows, kYColumn + c.intermediate + kPad}};
            for (std::size_t g = 0; g < c.segments.size(); ++g) {
              const std::int64_t rank = c.segments[g].rank;
              if (rank == 0) continue;
              tensors.push_back({"A", Extent::segment, rank * c.hidden, static_cast<int>(g)});
              tensors.push_back({"B", Extent::segment, rank * c.intermediate, static_cast<int>(g)});
            }
            return tensors;
          },
          .outputs = [](const Case& c) {
            return std::vector<Tensor>{{"y", Extent::rows, kYColumn + c.intermediate + kPad}, {"s", Extent::rows, kRankStride}, {"x", Extent::rows, c.hidden + kPad}};
          },
          .forward = [](ExecContext& x, const Case& c, const Tensors<float>& in) { return runLora<float>(c, in, [&](const ops::Lora& op) { ops::lora(x, op); }); },
          .forwardReference = [](const Case& c, const Tensors<double>& in) { return runLora<double>(c, in, [](const ops::LoraT<double>& op) { ops::ref::lora(op); }); },
          .forwardTolerance = 1e-11,
          .backward = [](ExecContext& x, const Case& c, const auto& in, const auto& out, const auto& graded) { return backLora<float>(c, in, out, graded, [&](const ops::LoraBackward& op) { ops::lora_backward(x, op); }); },
          .backwardReference = [](const Case& c, const auto& in, const auto& out, const auto& graded) { return backLora<double>(c, in, out, graded, [](const ops::LoraBackwardT<double>& op) { ops::ref::lora_backward(op); }); },
          .backwardTolerance = 1e-11,
          .gradedOutput = [](const std::string& name) { return name != "s"; }};
}

Operator ropeOperator() {
  const auto rotate = [](const Case& c, const auto& x, bool inverse, auto call) {
    const Layout layout(c);
    const std::vector<float> frequencies = rotaryFrequencies(c);
    auto y = x;
    const std::int64_t ld = kYColumn + c.heads * c.headDim + kPad;
    call({{layout.sequences.data(), static_cast<std::int32_t>(layout.sequences.size()) - 1}, y.data(), ld, kYColumn, c.heads, c.headDim, frequencies.data(), inverse});
    return std::vector<decltype(y)>{y};
  };
  const auto tensors = [](const Case& c) { return std::vector<Tensor>{{"x", Extent::rows, kYColumn + c.heads * c.headDim + kPad}}; };
  return {.name = "rope",
          .inputs = tensors,
          .outputs = tensors,
          .forward = [rotate](ExecContext& x, const Case& c, const Tensors<float>& in) { return rotate(c, in[0], false, [&](const ops::Rope& op) { ops::rope(x, op); }); },
          .forwardReference = [rotate](const Case& c, const Tensors<double>& in) { return rotate(c, in[0], false, [](const ops::RopeT<double>& op) { ops::ref::rope(op); }); },
          .forwardTolerance = 1e-12,
          .backward = [rotate](ExecContext& x, const Case& c, const auto&, const auto&, const auto& graded) { return rotate(c, graded[0], true, [&](const ops::Rope& op) { ops::rope(x, op); }); },
          .backwardReference = [rotate](const Case& c, const auto&, const auto&, const auto& graded) { return rotate(c, graded[0], true, [](const ops::RopeT<double>& op) { ops::ref::rope(op); }); },
          .backwardTolerance = 1e-12,
          .gradedOutput = kEveryOutput};
}

Operator attentionOperator() {
  const auto width = [](const Case& c) { return std::int64_t{c.heads + 2 * c.kvHeads} * c.headDim + kPad; };
  const auto longest = [](const Case& c) {
    int length = 0;
    for (const SegmentCase& segment : c.segments) {
      for (const int rows : segment.sequences) length = std::max(length, rows);
    }
    return static_cast<std::size_t>(length);
  };
  const auto run = [=](int threads, const Case& c, const auto& in, auto call) {
    using Vector = std::decay_t<decltype(in[0])>;
    const Layout layout(c);
    const int q = c.heads * c.headDim;
    std::vector<Vector> out{Vector(static_cast<std::size_t>(c.rows()) * static_cast<std::size_t>(q)), Vector(static_cast<std::size_t>(c.rows() * c.heads))};
    Vector scratch(ops::attentionScratchBytes(static_cast<std::size_t>(threads), longest(c), static_cast<std::size_t>(c.headDim)) / sizeof(float));
    call({{layout.sequences.data(), static_cast<std::int32_t>(layout.sequences.size()) - 1}, in[0].data(), width(c), 0, q, q + c.kvHeads * c.headDim,
          out[0].data(), q, out[1].data(), c.heads, c.kvHeads, c.headDim, scratch.data()});
    return out;
  };
  const auto back = [=](int threads, const Case& c, const auto& in, const auto& out, const auto& graded, auto call) {
    using Vector = std::decay_t<decltype(in[0])>;
    const Layout layout(c);
    const int q = c.heads * c.headDim;
    std::vector<Vector> gradients{Vector(in[0].size())};
    Vector scratch(ops::attentionBackwardScratchBytes(static_cast<std::size_t>(threads), longest(c), static_cast<std::size_t>(c.headDim)) / sizeof(float));
    call({{layout.sequences.data(), static_cast<std::int32_t>(layout.sequences.size()) - 1}, in[0].data(), width(c), 0, q, q + c.kvHeads * c.headDim,
          out[0].data(), q, graded[0].data(), q, out[1].data(), gradients[0].data(), width(c), c.heads, c.kvHeads, c.headDim, scratch.data()});
    return gradients;
  };
  return {.name = "attention",
          .inputs = [width](const Case& c) { return std::vector<Tensor>{{"qkv", Extent::rows, width(c), -1, 2.0F}}; },
          .outputs = [](const Case& c) { return std::vector<Tensor>{{"out", Extent::rows, c.heads * c.headDim}, {"lse", Extent::rows, c.heads}}; },
          .forward = [run](ExecContext& x, const Case& c, const Tensors<float>& in) { return run(x.threads(), c, in, [&](const ops::Attention& op) { ops::attention(x, op); }); },
          .forwardReference = [run](const Case& c, const Tensors<double>& in) { return run(1, c, in, [](const ops::AttentionT<double>& op) { ops::ref::attention(op); }); },
          .forwardTolerance = 1e-10,
          .backward = [back](ExecContext& x, const Case& c, const auto& in, const auto& out, const auto& graded) { return back(x.threads(), c, in, out, graded, [&](const ops::AttentionBackward& op) { ops::attention_backward(x, op); }); },
          .backwardReference = [back](const Case& c, const auto& in, const auto& out, const auto& graded) { return back(1, c, in, out, graded, [](const ops::AttentionBackwardT<double>& op) { ops::ref::attention_backward(op); }); },
          .backwardTolerance = 1e-9,
          .gradedOutput = [](const std::string& name) { return name == "out"; }};
}

Operator swigluOperator() {
  const auto run = [](const Case& c, const auto& in, auto call) {
    auto out = std::decay_t<decltype(in[0])>(static_cast<std::size_t>(c.rows() * (c.intermediate + kPad)));
    call({in[0].data(), 2 * c.intermediate + kPad, out.data(), c.intermediate + kPad, c.rows(), c.intermediate});
    return std::vector<decltype(out)>{out};
  };
  const auto back = [](const Case& c, const auto& in, const auto& graded, auto call) {
    auto gradient = std::decay_t<decltype(in[0])>(in[0].size());
    call({in[0].data(), 2 * c.intermediate + kPad, graded[0].data(), c.intermediate + kPad, gradient.data(), 2 * c.intermediate + kPad, c.rows(), c.intermediate});
    return std::vector<decltype(gradient)>{gradient};
  };
  return {.name = "swiglu",
          .inputs = [](const Case& c) { return std::vector<Tensor>{{"gateUp", Extent::rows, 2 * c.intermediate + kPad, -1, 20.0F}}; },
          .outputs = [](const Case& c) { return std::vector<Tensor>{{"out", Extent::rows, c.intermediate + kPad}}; },
          .forward = [run](ExecContext& x, const Case& c, const Tensors<float>& in) { return run(c, in, [&](const ops::Swiglu& op) { ops::swiglu(x, op); }); },
          .forwardReference = [run](const Case& c, const Tensors<double>& in) { return run(c, in, [](const ops::SwigluT<double>& op) { ops::ref::swiglu(op); }); },
          .forwardTolerance = 1e-11,
          .backward = [back](ExecContext& x, const Case& c, const auto& in, const auto&, const auto& graded) { return back(c, in, graded, [&](const ops::SwigluBackward& op) { ops::swiglu_backward(x, op); }); },
          .backwardReference = [back](const Case& c, const auto& in, const auto&, const auto& graded) { return back(c, in, graded, [](const ops::SwigluBackwardT<double>& op) { ops::ref::swiglu_backward(op); }); },
          .backwardTolerance = 1e-11,
          .gradedOutput = kEveryOutput};
}

Operator headLossOperator() {
  // The gradient of losses[g] is its lossScale; losses [segments] are one tensor a segment, so that one can be run alone.
  const auto segmentsOf = [](const Case& c, const auto* graded) {
    const Layout layout(c);
    std::vector<ops::LossSegment> segments;
    for (std::size_t g = 0; g < c.segments.size(); ++g) {
      segments.push_back({layout.starts[g], layout.starts[g + 1], graded == nullptr ? 1.0F : static_cast<float>((*graded)[g][0])});
    }
    return segments;
  };
  const auto fast = [segmentsOf](ExecContext& x, const Case& c, const Tensors<float>& in, const Tensors<float>* graded, std::vector<float>& dx) {
    const Layout layout(c);
    const std::vector<ops::LossSegment> segments = segmentsOf(c, graded);
    ops::MatmulEngine engine(x.threads());
    const ops::PackedMatrix w(engine, in[1].data(), c.vocabulary, c.hidden, true);
    constexpr std::int32_t kTileRows = 24;
    std::vector<float> scratch(ops::headLossScratchBytes(kTileRows, static_cast<std::size_t>(c.hidden), static_cast<std::size_t>(c.vocabulary)) / sizeof(float));
    std::vector<double> losses(segments.size());
    dx.assign(in[0].size(), -1.0F);
    ops::head_loss(x, engine, {segments.data(), static_cast<std::int32_t>(segments.size()), layout.targets.data(), in[0].data(), &w, graded == nullptr ? nullptr : dx.data(), scratch.data(), kTileRows, c.rows(), losses.data()});
    return losses;
  };
  const auto slow = [segmentsOf](const Case& c, const Tensors<double>& in, const Tensors<double>* graded, std::vector<double>& dx) {
    const Layout layout(c);
    const std::vector<ops::LossSegment> segments = segmentsOf(c, graded);
    std::vector<double> losses(segments.size());
    dx.assign(in[0].size(), -1.0);
    ops::ref::head_loss<double>({segments.data(), static_cast<std::int32_t>(segments.size()), layout.targets.data(), in[0].data(), in[1].data(), graded == nullptr ? nullptr : dx.data(), c.rows(), c.hidden, c.vocabulary, losses.data()});
    return losses;
  };
  return {.name = "head_loss",
          .inputs = [](const Case& c) { return std::vector<Tensor>{{"x", Extent::rows, c.hidden}, {"w", Extent::shared, std::int64_t{c.vocabulary} * c.hidden, -1, 0.3F}}; },
          .outputs = [](const Case& c) {
            std::vector<Tensor> tensors;
            for (std::size_t g = 0; g < c.segments.size(); ++g) tensors.push_back({"loss", Extent::segment, 1, static_cast<int>(g)});
            return tensors;
          },
          .forward = [fast](ExecContext& x, const Case& c, const Tensors<float>& in) {
            std::vector<float> dx;
            Tensors<float> out;
            for (const double loss : fast(x, c, in, nullptr, dx)) out.push_back({static_cast<float>(loss)});
            return out;
          },
          .forwardReference = [slow](const Case& c, const Tensors<double>& in) {
            std::vector<double> dx;
            Tensors<double> out;
            for (const double loss : slow(c, in, nullptr, dx)) out.push_back({loss});
            return out;
          },
          .forwardTolerance = 1e-12,
          .backward = [fast](ExecContext& x, const Case& c, const auto& in, const auto&, const auto& graded) {
            std::vector<float> dx;
            fast(x, c, in, &graded, dx);
            return Tensors<float>{dx, {}};
          },
          .backwardReference = [slow](const Case& c, const auto& in, const auto&, const auto& graded) {
            std::vector<double> dx;
            slow(c, in, &graded, dx);
            return Tensors<double>{dx, {}};
          },
          .backwardTolerance = 1e-10,
          .gradedOutput = kEveryOutput,
          .exactAlone = false};
}

Operator adamwOperator() {
  const auto run = [](const auto& in, auto call) {
    auto out = in;
    call({out[0].data(), out[1].data(), out[2].data(), out[3].data(), out[0].size(), 3, 1e-2, 0.9, 0.999, 1e-8, 0.01, 0.7});
    return out;
  };
  const auto tensors = [](const Case& c) {
    const std::int64_t count = std::int64_t{c.hidden} * c.intermediate + 5;
    return std::vector<Tensor>{{"parameters", Extent::shared, count}, {"firstMoment", Extent::shared, count, -1, 0.1F}, {"secondMoment", Extent::shared, count, -1, 0.05F, 0.06F}, {"gradients", Extent::shared, count}};
  };
  return {.name = "adamw",
          .inputs = tensors,
          .outputs = tensors,
          .forward = [run](ExecContext& x, const Case&, const Tensors<float>& in) { return run(in, [&](const ops::Adamw& op) { ops::adamw(x, op); }); },
          .forwardReference = [run](const Case&, const Tensors<double>& in) { return run(in, [](const ops::AdamwT<double>& op) { ops::ref::adamw(op); }); },
          .forwardTolerance = 1e-12};
}

Operator sumSquaresOperator() {
  return {.name = "sum_squares",
          .inputs = [](const Case& c) { return std::vector<Tensor>{{"x", Extent::shared, std::int64_t{c.hidden} * c.intermediate + 5}}; },
          .outputs = [](const Case&) { return std::vector<Tensor>{{"sum", Extent::shared, 1}}; },
          .forward = [](ExecContext& x, const Case&, const Tensors<float>& in) { return Tensors<float>{{static_cast<float>(ops::sum_squares(x, in[0].data(), in[0].size()))}}; },
          .forwardReference = [](const Case&, const Tensors<double>& in) { return Tensors<double>{{ops::ref::sum_squares(in[0].data(), in[0].size())}}; },
          .forwardTolerance = 1e-13};
}

}  // namespace

std::vector<Operator> operatorTable() {
  return {embedOperator(),
          rmsnormOperator(),
          matmulOperator("matmul", Extra::none),
          matmulOperator("matmul with bias", Extra::bias),
          matmulOperator("matmul with residual", Extra::residual),
          matmulOperator("matmul with residual in place", Extra::residualInPlace),
          loraOperator(),
          ropeOperator(),
          attentionOperator(),
          swigluOperator(),
          headLossOperator(),
          adamwOperator(),
          sumSquaresOperator()};
}

}  // namespace loratwin::test
