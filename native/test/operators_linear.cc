#include <algorithm>

#include "operators.h"
#include "ops/head_loss.h"
#include "ops/isa.h"
#include "ops/matmul.h"

namespace loratwin::test {

namespace {

using ops::ExecContext;

template <class Real>
std::vector<Real> zeros(std::int64_t count) {
  return std::vector<Real>(static_cast<std::size_t>(count));
}

}  // namespace

Operator matmulOperator(const std::string& name, MatmulExtra extra) {
  // inputs x [T, K + pad], w [N,K], bias [N], residual [T, N + pad]; N = intermediate, K = hidden
  return {.name = name,
          .inputs =
              [](const Case& c) {
                return std::vector<Tensor>{{"x", Extent::rows, c.hidden + kPad},
                                           {"w", Extent::shared, std::int64_t{c.intermediate} * c.hidden},
                                           {"bias", Extent::shared, c.intermediate},
                                           {"residual", Extent::rows, c.intermediate + kPad}};
              },
          .outputs =
              [](const Case& c) {
                return std::vector<Tensor>{{"y", Extent::rows, c.intermediate + kPad}};
              },
          .forward =
              [extra](ExecContext& x, const Case& c, const Tensors<float>& in) {
                ops::MatmulEngine engine(x.threads());
                const ops::PackedMatrix w(engine, in[1].data(), c.intermediate, c.hidden, false);
                const std::int64_t ld = c.intermediate + kPad;
                std::vector<float> y = extra == MatmulExtra::residualInPlace ? in[3] : zeros<float>(c.rows() * ld);
                const float* residual = extra == MatmulExtra::residual          ? in[3].data()
                                        : extra == MatmulExtra::residualInPlace ? y.data()
                                                                                : nullptr;
                ops::matmul(x, engine,
                            {in[0].data(), c.hidden + kPad, &w, y.data(), ops::DType::float32, ld,
                             extra == MatmulExtra::bias ? in[2].data() : nullptr, residual, ld, c.rows()});
                for (int t = 0; t < c.rows(); ++t) std::fill_n(y.begin() + t * ld + c.intermediate, kPad, 0.0F);
                return Tensors<float>{y};
              },
          .forwardReference =
              [extra](const Case& c, const Tensors<double>& in) {
                const std::int64_t ld = c.intermediate + kPad;
                std::vector<double> y = zeros<double>(c.rows() * ld);
                const bool residual = extra == MatmulExtra::residual || extra == MatmulExtra::residualInPlace;
                ops::ref::matmul<double>({in[0].data(), c.hidden + kPad, in[1].data(), y.data(), ld,
                                          extra == MatmulExtra::bias ? in[2].data() : nullptr,
                                          residual ? in[3].data() : nullptr, ld, c.rows(), c.intermediate, c.hidden});
                return Tensors<double>{y};
              },
          .forwardTolerance = 1e-11,
          .backward =
              [](ExecContext& x, const Case& c, const Tensors<float>& in, const Tensors<float>&,
                 const Tensors<float>& graded) {
                ops::MatmulEngine engine(x.threads());
                const ops::PackedMatrix w(engine, in[1].data(), c.intermediate, c.hidden, true);
                std::vector<float> dx = zeros<float>(c.rows() * (c.hidden + kPad));
                ops::matmul_backward(x, engine,
                                     {graded[0].data(), c.intermediate + kPad, &w, dx.data(), ops::DType::float32,
                                      c.hidden + kPad, c.rows()});
                return Tensors<float>{dx, {}, {}, {}};
              },
          .backwardReference =
              [](const Case& c, const Tensors<double>& in, const Tensors<double>&, const Tensors<double>& graded) {
                std::vector<double> dx = zeros<double>(c.rows() * (c.hidden + kPad));
                ops::ref::matmul_backward<double>({graded[0].data(), c.intermediate + kPad, in[1].data(), dx.data(),
                                                   c.hidden + kPad, c.rows(), c.intermediate, c.hidden});
                return Tensors<double>{dx, {}, {}, {}};
              },
          .backwardTolerance = 1e-11,
          .gradedOutput = everyOutput,
          .exactAlone = ops::currentIsa() != ops::Isa::amxbf16};
}

const std::vector<HeadLossForm>& headLossForms() {
  static const std::vector<HeadLossForm> forms{
      {"head_loss", {}, 0.3F},
      {"head_loss of scale 1/8", {.scale = 0.125F}, 3.0F},
      {"head_loss of scale 16", {.scale = 16.0F}, 0.3F},
      {"head_loss capped at 30", {.softcap = 30.0F}, 6.0F},
      {"head_loss capped at 1", {.softcap = 1.0F}, 0.3F},
      {"head_loss of scale 16 capped at 30", {.scale = 16.0F, .softcap = 30.0F}, 0.6F},
      {"head_loss of large logits capped at 30", {.softcap = 30.0F}, 60.0F, 1e-9},
      {"head_loss of large logits capped at 1", {.softcap = 1.0F}, 3.0F, 1e-9}};
  return forms;
}

Operator headLossOperator(const HeadLossForm& form) {
  // The gradient of losses[g] is its lossScale; losses [segments] are one tensor a segment, so that one can be run
  // alone.
  const auto segmentsOf = [](const Case& c, const auto* graded) {
    const Layout layout(c);
    std::vector<ops::LossSegment> segments;
    for (std::size_t g = 0; g < c.segments.size(); ++g) {
      segments.push_back(
          {layout.starts[g], layout.starts[g + 1], graded == nullptr ? 1.0F : static_cast<float>((*graded)[g][0])});
    }
    return segments;
  };
  const auto fast = [segmentsOf, kind = form.kind](ExecContext& x, const Case& c, const Tensors<float>& in,
                                                   const Tensors<float>* graded, std::vector<float>& dx) {
    const Layout layout(c);
    const std::vector<ops::LossSegment> segments = segmentsOf(c, graded);
    ops::MatmulEngine engine(x.threads());
    const ops::PackedMatrix w(engine, in[1].data(), c.vocabulary, c.hidden, true);
    constexpr std::int32_t kTileRows = 24;
    std::vector<float> scratch(ops::headLossScratchBytes(kTileRows, static_cast<std::size_t>(c.hidden),
                                                         static_cast<std::size_t>(c.vocabulary), ops::DType::float32) /
                               sizeof(float));
    std::vector<double> losses(segments.size());
    dx.assign(in[0].size(), -1.0F);
    ops::head_loss(
        x, engine,
        {segments.data(), static_cast<std::int32_t>(segments.size()), layout.targets.data(), in[0].data(), &w,
         graded == nullptr ? nullptr : dx.data(), scratch.data(), kTileRows, c.rows(), losses.data(), kind});
    return losses;
  };
  const auto slow = [segmentsOf, kind = form.kind](const Case& c, const Tensors<double>& in,
                                                   const Tensors<double>* graded, std::vector<double>& dx) {
    const Layout layout(c);
    const std::vector<ops::LossSegment> segments = segmentsOf(c, graded);
    std::vector<double> losses(segments.size());
    dx.assign(in[0].size(), -1.0);
    ops::ref::head_loss<double>({segments.data(), static_cast<std::int32_t>(segments.size()), layout.targets.data(),
                                 in[0].data(), in[1].data(), graded == nullptr ? nullptr : dx.data(), c.rows(),
                                 c.hidden, c.vocabulary, losses.data(), kind});
    return losses;
  };
  return {.name = form.name,
          .inputs =
              [spread = form.spread](const Case& c) {
                return std::vector<Tensor>{{"x", Extent::rows, c.hidden},
                                           {"w", Extent::shared, std::int64_t{c.vocabulary} * c.hidden, -1, spread}};
              },
          .outputs =
              [](const Case& c) {
                std::vector<Tensor> tensors;
                for (std::size_t g = 0; g < c.segments.size(); ++g)
                  tensors.push_back({"loss", Extent::segment, 1, static_cast<int>(g)});
                return tensors;
              },
          .forward =
              [fast](ExecContext& x, const Case& c, const Tensors<float>& in) {
                std::vector<float> dx;
                Tensors<float> out;
                for (const double loss : fast(x, c, in, nullptr, dx)) out.push_back({static_cast<float>(loss)});
                return out;
              },
          .forwardReference =
              [slow](const Case& c, const Tensors<double>& in) {
                std::vector<double> dx;
                Tensors<double> out;
                for (const double loss : slow(c, in, nullptr, dx)) out.push_back({loss});
                return out;
              },
          .forwardTolerance = 1e-12,
          .backward =
              [fast](ExecContext& x, const Case& c, const auto& in, const auto&, const auto& graded) {
                std::vector<float> dx;
                fast(x, c, in, &graded, dx);
                return Tensors<float>{dx, {}};
              },
          .backwardReference =
              [slow](const Case& c, const auto& in, const auto&, const auto& graded) {
                std::vector<double> dx;
                slow(c, in, &graded, dx);
                return Tensors<double>{dx, {}};
              },
          .backwardTolerance = form.backwardTolerance,
          .gradedOutput = everyOutput,
          .exactAlone = ops::currentIsa() != ops::Isa::amxbf16};
}

}  // namespace loratwin::test
