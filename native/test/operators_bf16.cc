// The operators on bfloat16 tensors: their float forms' references on rounded inputs.
#include <algorithm>

#include "operators.h"
#include "ops/copy.h"
#include "ops/embed.h"
#include "ops/head_loss.h"
#include "ops/matmul.h"
#include "ops/rmsnorm.h"
#include "ops/swiglu.h"

namespace loratwin::test {

namespace {

using ops::Bf16;
using ops::DType;
using ops::ExecContext;

// The rounding of a bfloat16 output: at most 2^-8 of an element, NMSE about 1.4e-6 and more in small tensors.
constexpr double kRounded = 6e-6;
// A product of such a rounded tensor, and the rounding of its own output.
constexpr double kRoundedTwice = 8e-6;
// Likewise where so few elements matter that their roundings do not average: (2^-8)^2.
constexpr double kRoundedAlone = 1.6e-5;

constexpr float kEps = 1e-5F;

// `base` with the named inputs and outputs as bfloat16.
Operator variant(Operator base, const std::string& name, std::vector<std::string> stored) {
  const auto marked = [stored = std::move(stored)](auto tensors) {
    return [stored, tensors](const Case& c) {
      std::vector<Tensor> specs = tensors(c);
      for (Tensor& spec : specs) spec.bf16 = std::find(stored.begin(), stored.end(), spec.name) != stored.end();
      return specs;
    };
  };
  base.name = name;
  base.inputs = marked(base.inputs);
  base.outputs = marked(base.outputs);
  base.forwardTolerance = kRounded;
  base.backwardTolerance = kRounded;
  base.float32Gradient = true;
  return base;
}

std::vector<float> cleanPadding(std::vector<float> values, std::int64_t rows, std::int64_t ld, std::int64_t columns) {
  for (std::int64_t t = 0; t < rows; ++t) std::fill_n(values.begin() + t * ld + columns, ld - columns, 0.0F);
  return values;
}

// y as float32 or bfloat16; x and w are always bfloat16
Operator matmulVariant(Operator base, MatmulExtra extra, ops::DType type) {
  const bool rounded = type == ops::DType::bfloat16;
  const std::string name = base.name + " bf16";
  std::vector<std::string> stored{"x", "w"};
  if (rounded) stored.push_back("y");
  Operator op = variant(std::move(base), name, std::move(stored));
  if (!rounded) op.forwardTolerance = op.backwardTolerance = 1e-11;
  op.forward = [extra, type](ExecContext& x, const Case& c, const Tensors<float>& in) {
    ops::MatmulEngine engine(x.threads());
    const std::vector<Bf16> left = toBf16(in[0]);
    const ops::PackedMatrix w(engine, toBf16(in[1]).data(), c.intermediate, c.hidden, false);
    const std::int64_t ld = c.intermediate + kPad;
    const std::size_t count = static_cast<std::size_t>(c.rows() * ld);
    const float* bias = extra == MatmulExtra::bias ? in[2].data() : nullptr;
    const float* residual = extra == MatmulExtra::residual ? in[3].data() : nullptr;
    std::vector<float> y(count);
    ops::withStore(type, [&]<class Store>(Store) {
      std::vector<Store> out(count);
      ops::matmul(x, engine, {left.data(), c.hidden + kPad, &w, out.data(), type, ld, bias, residual, ld, c.rows()});
      y = toFloats(out);
    });
    return Tensors<float>{cleanPadding(y, c.rows(), ld, c.intermediate)};
  };
  op.backward = [type](ExecContext& x, const Case& c, const Tensors<float>& in, const Tensors<float>&,
                       const Tensors<float>& graded) {
    ops::MatmulEngine engine(x.threads());
    const std::vector<Bf16> dy = toBf16(graded[0]);
    const ops::PackedMatrix w(engine, toBf16(in[1]).data(), c.intermediate, c.hidden, true);
    const std::int64_t ld = c.hidden + kPad;
    std::vector<float> dx;
    ops::withStore(type, [&]<class Store>(Store) {
      std::vector<Store> out(static_cast<std::size_t>(c.rows() * ld));
      ops::matmul_backward(x, engine, {dy.data(), c.intermediate + kPad, &w, out.data(), type, ld, c.rows()});
      dx = toFloats(out);
    });
    return Tensors<float>{dx, {}, {}, {}};
  };
  op.gradedBf16 = true;
  return op;
}

Operator embedVariant(Operator base, float scale) {
  const std::string name = base.name + " bf16";
  Operator op = variant(std::move(base), name, {"table"});
  op.forwardTolerance = scale == 1.0F ? 0 : 1e-13;
  op.forward = [scale](ExecContext& x, const Case& c, const Tensors<float>& in) {
    const Layout layout(c);
    const std::vector<Bf16> table = toBf16(in[0]);
    std::vector<float> out(static_cast<std::size_t>(c.rows() * c.hidden));
    ops::embed(x, ops::EmbedBf16{table.data(), layout.ids.data(), out.data(), c.rows(), c.hidden, c.vocabulary, scale});
    return Tensors<float>{out};
  };
  return op;
}

Operator rmsnormVariant(Operator base) {
  Operator op = variant(std::move(base), "rmsnorm bf16", {"y"});
  op.forward = [](ExecContext& x, const Case& c, const Tensors<float>& in) {
    std::vector<Bf16> y(in[0].size());
    std::vector<float> rstd(static_cast<std::size_t>(c.rows()));
    ops::rmsnorm(x, ops::RmsnormBf16{in[0].data(), in[1].data(), y.data(), rstd.data(), c.rows(), c.hidden, kEps});
    return Tensors<float>{toFloats(y), rstd, in[0]};
  };
  // dxCompute in dx's place: the same values, rounded
  op.backward = [](ExecContext& x, const Case& c, const Tensors<float>& in, const Tensors<float>& out,
                   const Tensors<float>& graded) {
    std::vector<float> dx(in[0].size());
    std::vector<Bf16> rounded(in[0].size());
    ops::rmsnorm_backward(x, {graded[0].data(), in[0].data(), out[1].data(), in[1].data(), graded[2].data(), dx.data(),
                              c.rows(), c.hidden, rounded.data()});
    return Tensors<float>{toFloats(rounded), {}, {}};
  };
  return op;
}

// x is bfloat16, and so is y unless it joins a residual.
Operator rmsnormOfBf16Variant(Operator base, bool residual) {
  std::vector<std::string> stored{"x"};
  if (!residual) stored.push_back("y");
  const std::string name = residual ? "rmsnorm of bf16 with residual" : "rmsnorm of bf16";
  Operator op = variant(std::move(base), name, std::move(stored));
  if (residual) op.forwardTolerance = 1e-12;
  op.backwardTolerance = 1e-12;
  op.forward = [residual](ExecContext& x, const Case& c, const Tensors<float>& in) {
    const std::vector<Bf16> from = toBf16(in[0]);
    std::vector<float> rstd(static_cast<std::size_t>(c.rows()));
    std::vector<float> y(from.size());
    if (residual) {
      ops::rmsnorm(x, ops::RmsnormOfBf16F32{from.data(), in[1].data(), y.data(), rstd.data(), c.rows(), c.hidden, kEps,
                                            in[2].data()});
    } else {
      std::vector<Bf16> rounded(from.size());
      ops::rmsnorm(
          x, ops::RmsnormOfBf16{from.data(), in[1].data(), rounded.data(), rstd.data(), c.rows(), c.hidden, kEps});
      y = toFloats(rounded);
    }
    return Tensors<float>{y, rstd, in[0]};
  };
  op.backward = [](ExecContext& x, const Case& c, const Tensors<float>& in, const Tensors<float>& out,
                   const Tensors<float>& graded) {
    const std::vector<Bf16> from = toBf16(in[0]);
    std::vector<float> dx(from.size());
    ops::rmsnorm_backward(x, ops::RmsnormBackwardOfBf16{graded[0].data(), from.data(), out[1].data(), in[1].data(),
                                                        graded[2].data(), dx.data(), c.rows(), c.hidden});
    return Tensors<float>{dx, {}, {}};
  };
  return op;
}

Operator swigluVariant(Operator base, ops::Activation activation) {
  const std::string name = base.name + " bf16";
  Operator op = variant(std::move(base), name, {"gateUp", "out"});
  op.forward = [activation](ExecContext& x, const Case& c, const Tensors<float>& in) {
    const std::int64_t ldo = c.intermediate + kPad;
    const std::vector<Bf16> gateUp = toBf16(in[0]);
    std::vector<Bf16> out(static_cast<std::size_t>(c.rows() * ldo));
    ops::swiglu(x, ops::SwigluBf16{gateUp.data(), 2 * c.intermediate + kPad, out.data(), ldo, c.rows(), c.intermediate,
                                   activation, kAlpha, kLimit});
    return Tensors<float>{toFloats(out)};
  };
  op.backward = [activation](ExecContext& x, const Case& c, const Tensors<float>& in, const Tensors<float>&,
                             const Tensors<float>& graded) {
    const std::int64_t ld = 2 * c.intermediate + kPad;
    const std::vector<Bf16> gateUp = toBf16(in[0]);
    const std::vector<Bf16> dout = toBf16(graded[0]);
    std::vector<Bf16> dgateUp(gateUp.size());
    ops::swiglu_backward(
        x, ops::SwigluBackwardBf16{gateUp.data(), ld, dout.data(), c.intermediate + kPad, dgateUp.data(), ld, c.rows(),
                                   c.intermediate, activation, kAlpha, kLimit});
    return Tensors<float>{toFloats(dgateUp)};
  };
  return op;
}

Operator headLossVariant(Operator base, const ops::LogitsKind& kind) {
  const std::string name = base.name + " bf16";
  Operator op = variant(std::move(base), name, {"x", "w"});
  op.forwardTolerance = 1e-11;
  // The gradient of z is rounded before its product.
  op.backwardTolerance = kind.isPlain() ? kRoundedTwice : kRoundedAlone;
  const auto run = [kind](ExecContext& x, const Case& c, const Tensors<float>& in, const Tensors<float>* graded,
                          std::vector<float>& dx) {
    const Layout layout(c);
    std::vector<ops::LossSegment> segments;
    for (std::size_t g = 0; g < c.segments.size(); ++g) {
      segments.push_back({layout.starts[g], layout.starts[g + 1], graded == nullptr ? 1.0F : (*graded)[g][0]});
    }
    ops::MatmulEngine engine(x.threads());
    const std::vector<Bf16> rows = toBf16(in[0]);
    const ops::PackedMatrix w(engine, toBf16(in[1]).data(), c.vocabulary, c.hidden, true);
    constexpr std::int32_t kTileRows = 24;
    std::vector<float> scratch(ops::headLossScratchBytes(kTileRows, static_cast<std::size_t>(c.hidden),
                                                         static_cast<std::size_t>(c.vocabulary), ops::DType::bfloat16) /
                               sizeof(float));
    std::vector<double> losses(segments.size());
    dx.assign(in[0].size(), -1.0F);
    ops::head_loss(x, engine,
                   {segments.data(), static_cast<std::int32_t>(segments.size()), layout.targets.data(), rows.data(), &w,
                    graded == nullptr ? nullptr : dx.data(), scratch.data(), kTileRows, c.rows(), losses.data(), kind});
    return losses;
  };
  op.forward = [run](ExecContext& x, const Case& c, const Tensors<float>& in) {
    std::vector<float> dx;
    Tensors<float> out;
    for (const double loss : run(x, c, in, nullptr, dx)) out.push_back({static_cast<float>(loss)});
    return out;
  };
  op.backward = [run](ExecContext& x, const Case& c, const Tensors<float>& in, const Tensors<float>&,
                      const Tensors<float>& graded) {
    std::vector<float> dx;
    run(x, c, in, &graded, dx);
    return Tensors<float>{dx, {}};
  };
  return op;
}

// There and back: x is rounded once.
Operator copyOperator() {
  const auto tensors = [](const Case& c) { return std::vector<Tensor>{{"x", Extent::rows, c.hidden}}; };
  return {.name = "copy bf16",
          .inputs = tensors,
          .outputs = tensors,
          .forward =
              [](ExecContext& x, const Case& c, const Tensors<float>& in) {
                const std::int64_t count = std::int64_t{c.rows()} * c.hidden;
                std::vector<Bf16> narrow(in[0].size());
                std::vector<float> wide(in[0].size());
                ops::copy(x, {in[0].data(), ops::DType::float32, narrow.data(), ops::DType::bfloat16, count});
                ops::copy(x, {narrow.data(), ops::DType::bfloat16, wide.data(), ops::DType::float32, count});
                return Tensors<float>{wide};
              },
          .forwardReference =
              [](const Case&, const Tensors<double>& in) {
                std::vector<double> wide;
                for (const double value : in[0]) wide.push_back(ops::toFloat(ops::toBf16(static_cast<float>(value))));
                return Tensors<double>{wide};
              },
          .forwardTolerance = 0};
}

// y = scale x (+ residual), which is y itself; the gradient is a copy without residual.
Operator scaledCopyOperator(DType from, DType to, bool residual) {
  constexpr float kScale = 0.22F;
  const bool rounded = to == DType::bfloat16;
  const std::string name = std::string("copy scaled from ") + ops::dtypeName(from) + " to " + ops::dtypeName(to);
  const auto scaled = [](ExecContext& x, DType xType, DType yType, const std::vector<float>& values, bool added,
                         std::vector<float> y) {
    ops::withStore(xType, [&]<class From>(From) {
      ops::withStore(yType, [&]<class To>(To) {
        const std::vector<From> given = stored<From>(values);
        std::vector<To> taken = stored<To>(y);
        const float* residualOf = nullptr;
        if constexpr (std::is_same_v<To, float>) residualOf = added ? taken.data() : nullptr;
        ops::copy(
            x, {given.data(), xType, taken.data(), yType, static_cast<std::int64_t>(given.size()), kScale, residualOf});
        y = toFloats(taken);
      });
    });
    return Tensors<float>{y, {}};
  };
  return {.name = residual ? name + " with residual" : name,
          .inputs =
              [from](const Case& c) {
                return std::vector<Tensor>{{"x", Extent::rows, c.hidden, -1, 1.0F, 0.0F, from == DType::bfloat16},
                                           {"residual", Extent::rows, c.hidden}};
              },
          .outputs =
              [rounded](const Case& c) {
                return std::vector<Tensor>{{"y", Extent::rows, c.hidden, -1, 1.0F, 0.0F, rounded}};
              },
          .forward =
              [=](ExecContext& x, const Case&, const Tensors<float>& in) {
                return Tensors<float>{scaled(x, from, to, in[0], residual, in[1])[0]};
              },
          .forwardReference =
              [residual](const Case&, const Tensors<double>& in) {
                std::vector<double> y = in[0];
                for (std::size_t i = 0; i < y.size(); ++i) y[i] = kScale * y[i] + (residual ? in[1][i] : 0.0);
                return Tensors<double>{y};
              },
          .forwardTolerance = rounded ? kRounded : 1e-13,
          .backward =
              [=](ExecContext& x, const Case&, const Tensors<float>&, const Tensors<float>&,
                  const Tensors<float>& graded) { return scaled(x, to, DType::float32, graded[0], false, graded[0]); },
          .backwardReference =
              [](const Case&, const Tensors<double>&, const Tensors<double>&, const Tensors<double>& graded) {
                std::vector<double> dx = graded[0];
                for (double& value : dx) value *= kScale;
                return Tensors<double>{dx, {}};
              },
          .backwardTolerance = 1e-13,
          .gradedOutput = everyOutput,
          .float32Gradient = true};
}

}  // namespace

std::vector<Operator> bf16Operators(const std::vector<Operator>& table) {
  const auto base = [&](const std::string& name) {
    return *std::find_if(table.begin(), table.end(), [&](const Operator& op) { return op.name == name; });
  };
  std::vector<Operator> variants{
      embedVariant(base("embed"), 1.0F),
      embedVariant(base("embed scaled"), 39.25F),
      rmsnormVariant(base("rmsnorm")),
      rmsnormOfBf16Variant(base("rmsnorm"), false),
      rmsnormOfBf16Variant(base("rmsnorm with residual"), true),
      matmulVariant(base("matmul"), MatmulExtra::none, ops::DType::bfloat16),
      matmulVariant(base("matmul with bias"), MatmulExtra::bias, ops::DType::bfloat16),
      matmulVariant(base("matmul with residual"), MatmulExtra::residual, ops::DType::float32),
      swigluVariant(base("swiglu"), ops::Activation::silu),
      swigluVariant(base("swiglu of gelu"), ops::Activation::gelu),
      swigluVariant(base("swiglu clamped"), ops::Activation::clamped),
      copyOperator(),
      scaledCopyOperator(DType::float32, DType::float32, false),
      scaledCopyOperator(DType::float32, DType::float32, true),
      scaledCopyOperator(DType::bfloat16, DType::float32, true),
      scaledCopyOperator(DType::float32, DType::bfloat16, false)};
  for (const HeadLossForm& form : headLossForms()) variants.push_back(headLossVariant(base(form.name), form.kind));
  return variants;
}

}  // namespace loratwin::test
