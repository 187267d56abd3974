// Attention on float32 and on bfloat16 tensors, and their references.
#include <algorithm>

#include "operators.h"
#include "ops/attention.h"

namespace loratwin::test {

namespace {

using ops::Bf16;
using ops::DType;
using ops::ExecContext;

std::int64_t qkvWidth(const Case& c) { return std::int64_t{c.heads + 2 * c.kvHeads} * c.headDim + kPad; }

std::size_t longestSequence(const Case& c) {
  int length = 0;
  for (const SegmentCase& segment : c.segments) {
    for (const int rows : segment.sequences) length = std::max(length, rows);
  }
  return static_cast<std::size_t>(length);
}

template <class Store, class Real>
Tensors<Real> attend(int threads, const Case& c, const ops::AttentionKind& kind, const Tensors<Real>& in, auto call) {
  const Layout layout(c);
  const int q = c.heads * c.headDim;
  const std::vector<Store> qkv = stored<Store>(in[0]);
  std::vector<Store> out(static_cast<std::size_t>(c.rows()) * static_cast<std::size_t>(q));
  std::vector<Real> lse(static_cast<std::size_t>(c.rows() * c.heads));
  std::vector<Real> scratch(ops::attentionScratchBytes(static_cast<std::size_t>(threads), longestSequence(c),
                                                       static_cast<std::size_t>(c.headDim)) /
                            sizeof(float));
  call(ops::AttentionT<Real, Store>{sequencesOf(layout), qkv.data(), qkvWidth(c), 0, q, q + c.kvHeads * c.headDim,
                                    out.data(), q, lse.data(), c.heads, c.kvHeads, c.headDim, scratch.data(), kind,
                                    in.size() > 1 ? in[1].data() : nullptr});
  return {reals<Real>(out), lse};
}

template <class Store, class Real>
Tensors<Real> attendBack(int threads, const Case& c, const ops::AttentionKind& kind, const Tensors<Real>& in,
                         const Tensors<Real>& out, const Tensors<Real>& graded, auto call) {
  const Layout layout(c);
  const int q = c.heads * c.headDim;
  const std::vector<Store> qkv = stored<Store>(in[0]);
  const std::vector<Store> attended = stored<Store>(out[0]);
  const std::vector<Store> dout = stored<Store>(graded[0]);
  std::vector<Store> dqkv(in[0].size());
  std::vector<Real> scratch(ops::attentionBackwardScratchBytes(static_cast<std::size_t>(threads), longestSequence(c),
                                                               static_cast<std::size_t>(c.headDim)) /
                            sizeof(float));
  call(ops::AttentionBackwardT<Real, Store>{
      sequencesOf(layout), qkv.data(), qkvWidth(c), 0, q, q + c.kvHeads * c.headDim, attended.data(), q, dout.data(), q,
      out[1].data(), dqkv.data(), qkvWidth(c), c.heads, c.kvHeads, c.headDim, scratch.data(), kind});
  Tensors<Real> gradients(in.size());  // none of the sinks
  gradients[0] = reals<Real>(dqkv);
  return gradients;
}

template <class Store>
Operator attentionOf(const std::string& name, float spread, double forwardTolerance, double backwardTolerance,
                     const ops::AttentionKind& kind, bool withSinks) {
  constexpr bool rounded = std::is_same_v<Store, Bf16>;
  return {.name = name,
          .inputs =
              [spread, withSinks](const Case& c) {
                std::vector<Tensor> tensors{
                    {"qkv", Extent::rows, qkvWidth(c), -1, spread, 0.0F, std::is_same_v<Store, Bf16>}};
                if (withSinks) tensors.push_back({"sinks", Extent::shared, c.heads, -1, spread});
                return tensors;
              },
          .outputs =
              [](const Case& c) {
                return std::vector<Tensor>{
                    {"out", Extent::rows, c.heads * c.headDim, -1, 1.0F, 0.0F, std::is_same_v<Store, Bf16>},
                    {"lse", Extent::rows, c.heads}};
              },
          .forward =
              [kind](ExecContext& x, const Case& c, const Tensors<float>& in) {
                return attend<Store>(x.threads(), c, kind, in,
                                     [&](const ops::AttentionT<float, Store>& op) { ops::attention(x, op); });
              },
          .forwardReference =
              [kind](const Case& c, const Tensors<double>& in) {
                return attend<double>(1, c, kind, in,
                                      [](const ops::AttentionT<double>& op) { ops::ref::attention(op); });
              },
          .forwardTolerance = forwardTolerance,
          .backward =
              [kind](ExecContext& x, const Case& c, const auto& in, const auto& out, const auto& graded) {
                return attendBack<Store>(
                    x.threads(), c, kind, in, out, graded,
                    [&](const ops::AttentionBackwardT<float, Store>& op) { ops::attention_backward(x, op); });
              },
          .backwardReference =
              [kind](const Case& c, const auto& in, const auto& out, const auto& graded) {
                return attendBack<double>(1, c, kind, in, out, graded, [](const ops::AttentionBackwardT<double>& op) {
                  ops::ref::attention_backward(op);
                });
              },
          .backwardTolerance = backwardTolerance,
          .gradedOutput = [](const std::string& output) { return output == "out"; },
          .float32Gradient = rounded};
}

}  // namespace

Operator attentionOperator(const std::string& name, DType type, float spread, double forwardTolerance,
                           double backwardTolerance, const ops::AttentionKind& kind, bool withSinks) {
  return type == DType::float32 ? attentionOf<float>(name, spread, forwardTolerance, backwardTolerance, kind, withSinks)
                                : attentionOf<Bf16>(name, spread, forwardTolerance, backwardTolerance, kind, withSinks);
}

}  // namespace loratwin::test
