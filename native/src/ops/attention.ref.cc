#include "attention.h"

#include <cmath>
#include <vector>

namespace loratwin::ops::ref {

namespace {

template <class Real>
double dot(const Real* a, const Real* b, std::int64_t n) {
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

// What becomes of products of queries and keys before the softmax.
struct Scores {
  double scale;
  double softcap;

  Scores(const AttentionKind& kind, std::int64_t headDim)
      : scale(kind.scale > 0.0F ? kind.scale : 1.0 / std::sqrt(static_cast<double>(headDim))), softcap(kind.softcap) {}
  double of(double product) const {
    return softcap > 0 ? softcap * std::tanh(scale * product / softcap) : scale * product;
  }
  // Of a score by its product.
  double derivative(double score) const {
    return softcap > 0 ? scale * (1.0 - score / softcap * (score / softcap)) : scale;
  }
};

}  // namespace

template <class Real>
void attention(const AttentionT<Real>& op) {
  const std::int64_t D = op.headDim;
  const Scores scores(op.kind, D);
  for (std::int32_t i = 0; i < op.sequences.count; ++i) {
    const std::int64_t start = op.sequences.offsets[i];
    const std::int64_t end = op.sequences.offsets[i + 1];
    std::vector<double> p(static_cast<std::size_t>(end - start));
    for (std::int64_t h = 0; h < op.heads; ++h) {
      const std::int64_t kvHead = h / (op.heads / op.kvHeads);
      const Real* q = op.qkv + op.qColumn + h * D;
      const Real* k = op.qkv + op.kColumn + kvHead * D;
      const Real* v = op.qkv + op.vColumn + kvHead * D;
      for (std::int64_t t = start; t < end; ++t) {
        const std::int64_t first = start + op.kind.firstKey(t - start);
        double max = op.sinks == nullptr ? -INFINITY : static_cast<double>(op.sinks[h]);
        for (std::int64_t u = first; u <= t; ++u) {
          p[u - start] = scores.of(dot(q + t * op.ld, k + u * op.ld, D));
          max = std::max(max, p[u - start]);
        }
        double sum = op.sinks == nullptr ? 0 : std::exp(op.sinks[h] - max);
        for (std::int64_t u = first; u <= t; ++u) sum += p[u - start] = std::exp(p[u - start] - max);
        for (std::int64_t d = 0; d < D; ++d) {
          double o = 0;
          for (std::int64_t u = first; u <= t; ++u) o += p[u - start] * v[u * op.ld + d];
          op.out[t * op.ldo + h * D + d] = static_cast<Real>(o / sum);
        }
        op.lse[t * op.heads + h] = static_cast<Real>(max + std::log(sum));
      }
    }
  }
}

template <class Real>
void attention_backward(const AttentionBackwardT<Real>& op) {
  const std::int64_t D = op.headDim;
  const Scores scores(op.kind, D);
  const std::int64_t group = op.heads / op.kvHeads;
  for (std::int32_t i = 0; i < op.sequences.count; ++i) {
    const std::int64_t start = op.sequences.offsets[i];
    const std::int64_t S = op.sequences.offsets[i + 1] - start;
    for (std::int64_t kvHead = 0; kvHead < op.kvHeads; ++kvHead) {
      const Real* k = op.qkv + start * op.ld + op.kColumn + kvHead * D;
      const Real* v = op.qkv + start * op.ld + op.vColumn + kvHead * D;
      std::vector<double> dk(static_cast<std::size_t>(S * D));
      std::vector<double> dv(static_cast<std::size_t>(S * D));
      for (std::int64_t h = kvHead * group; h < (kvHead + 1) * group; ++h) {
        const Real* q = op.qkv + start * op.ld + op.qColumn + h * D;
        for (std::int64_t t = 0; t < S; ++t) {
          const Real* out = op.out + (start + t) * op.ldo + h * D;
          const Real* dout = op.dout + (start + t) * op.lddo + h * D;
          const double delta = dot(out, dout, D);
          std::vector<double> dq(static_cast<std::size_t>(D));
          for (std::int64_t u = op.kind.firstKey(t); u <= t; ++u) {
            const double score = scores.of(dot(q + t * op.ld, k + u * op.ld, D));
            const double p = std::exp(score - op.lse[(start + t) * op.heads + h]);
            const double ds = p * (dot(dout, v + u * op.ld, D) - delta) * scores.derivative(score);
            for (std::int64_t d = 0; d < D; ++d) {
              dq[d] += ds * k[u * op.ld + d];
              dk[u * D + d] += ds * q[t * op.ld + d];
              dv[u * D + d] += p * dout[d];
            }
          }
          for (std::int64_t d = 0; d < D; ++d)
            op.dqkv[(start + t) * op.ldd + op.qColumn + h * D + d] = static_cast<Real>(dq[d]);
        }
      }
      for (std::int64_t u = 0; u < S; ++u) {
        for (std::int64_t d = 0; d < D; ++d) {
          op.dqkv[(start + u) * op.ldd + op.kColumn + kvHead * D + d] = static_cast<Real>(dk[u * D + d]);
          op.dqkv[(start + u) * op.ldd + op.vColumn + kvHead * D + d] = static_cast<Real>(dv[u * D + d]);
        }
      }
    }
  }
}

template void attention<double>(const AttentionT<double>&);
template void attention_backward<double>(const AttentionBackwardT<double>&);

}  // namespace loratwin::ops::ref
