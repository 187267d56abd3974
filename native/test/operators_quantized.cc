// Products with weights in 8 and 4 bits: against f64 products of what ref::dequantize gives.
#include <algorithm>

#include "operators.h"
#include "ops/matmul.h"
#include "ops/quantized.h"

namespace loratwin::test {

namespace {

using ops::Bf16;
using ops::ExecContext;

const char* formatName(ops::Quantization format) { return format == ops::Quantization::int8 ? "int8" : "nf4"; }

// W [N,K] as products see it.
std::vector<double> dequantized(const std::vector<double>& weights, const Case& c, ops::Quantization format) {
  const std::vector<float> w(weights.begin(), weights.end());
  const ops::QuantizedMatrix quantized(w.data(), {format, c.intermediate, c.hidden});
  std::vector<Bf16> values(w.size());
  ops::ref::dequantize(quantized.view(), values.data());
  const std::vector<float> wide = toFloats(values);
  return {wide.begin(), wide.end()};
}

// y as float32 or bfloat16; x is bfloat16
Operator quantizedOperator(Operator base, MatmulExtra extra, ops::DType type, ops::Quantization format) {
  const bool rounded = type == ops::DType::bfloat16;
  Operator op = base;
  op.name = base.name + " " + formatName(format);
  op.inputs = [base](const Case& c) {
    std::vector<Tensor> specs = base.inputs(c);
    specs[0].bf16 = true;
    return specs;
  };
  op.outputs = [base, rounded](const Case& c) {
    std::vector<Tensor> specs = base.outputs(c);
    specs[0].bf16 = rounded;
    return specs;
  };
  op.forwardTolerance = op.backwardTolerance = rounded ? 6e-6 : 1e-11;
  op.float32Gradient = true;
  op.gradedBf16 = true;
  op.forward = [extra, type, format](ExecContext& x, const Case& c, const Tensors<float>& in) {
    ops::MatmulEngine engine(x.threads());
    const std::vector<Bf16> left = toBf16(in[0]);
    const ops::PackedMatrix w(engine, in[1].data(), c.intermediate, c.hidden, format);
    const std::int64_t ld = c.intermediate + kPad;
    const float* const bias = extra == MatmulExtra::bias ? in[2].data() : nullptr;
    std::vector<float> y;
    ops::withStore(type, [&]<class Store>(Store) {
      std::vector<Store> out(static_cast<std::size_t>(c.rows() * ld));
      const float* residual = extra == MatmulExtra::residual ? in[3].data() : nullptr;
      if constexpr (sizeof(Store) == sizeof(float)) {
        if (extra == MatmulExtra::residualInPlace) {
          out = in[3];
          residual = out.data();
        }
      }
      ops::matmul(x, engine, {left.data(), c.hidden + kPad, &w, out.data(), type, ld, bias, residual, ld, c.rows()});
      y = toFloats(out);
    });
    for (int t = 0; t < c.rows(); ++t) std::fill_n(y.begin() + t * ld + c.intermediate, kPad, 0.0F);
    return Tensors<float>{y};
  };
  op.backward = [type, format](ExecContext& x, const Case& c, const Tensors<float>& in, const Tensors<float>&,
                               const Tensors<float>& graded) {
    ops::MatmulEngine engine(x.threads());
    const std::vector<Bf16> dy = toBf16(graded[0]);
    const ops::PackedMatrix w(engine, in[1].data(), c.intermediate, c.hidden, format);
    const std::int64_t ld = c.hidden + kPad;
    std::vector<float> dx;
    ops::withStore(type, [&]<class Store>(Store) {
      std::vector<Store> out(static_cast<std::size_t>(c.rows() * ld));
      ops::matmul_backward(x, engine, {dy.data(), c.intermediate + kPad, &w, out.data(), type, ld, c.rows()});
      dx = toFloats(out);
    });
    return Tensors<float>{dx, {}, {}, {}};
  };
  op.forwardReference = [base, format](const Case& c, const Tensors<double>& in) {
    Tensors<double> exact = in;
    exact[1] = dequantized(in[1], c, format);
    return base.forwardReference(c, exact);
  };
  op.backwardReference = [base, format](const Case& c, const Tensors<double>& in, const Tensors<double>& out,
                                        const Tensors<double>& graded) {
    Tensors<double> exact = in;
    exact[1] = dequantized(in[1], c, format);
    return base.backwardReference(c, exact, out, graded);
  };
  return op;
}

}  // namespace

std::vector<Operator> quantizedOperators(const std::vector<Operator>& table) {
  const auto base = [&](const std::string& name) {
    return *std::find_if(table.begin(), table.end(), [&](const Operator& op) { return op.name == name; });
  };
  std::vector<Operator> operators;
  for (const ops::Quantization format : {ops::Quantization::int8, ops::Quantization::nf4}) {
    const auto add = [&](const std::string& name, MatmulExtra extra, ops::DType type) {
      operators.push_back(quantizedOperator(base(name), extra, type, format));
    };
    add("matmul", MatmulExtra::none, ops::DType::bfloat16);
    add("matmul with bias", MatmulExtra::bias, ops::DType::bfloat16);
    add("matmul with residual", MatmulExtra::residual, ops::DType::float32);
    add("matmul with residual in place", MatmulExtra::residualInPlace, ops::DType::float32);
  }
  return operators;
}

}  // namespace loratwin::test
