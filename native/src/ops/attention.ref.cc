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

double scaleOf(const AttentionKind& kind, std::int64_t headDim) {
  return kind.scale != 0.0F ? static_cast<double>(kind.scale) : 1.0 / std::sqrt(static_cast<double>(headDim));
}

double capped(const AttentionKind& kind, double score) {
  const double cap = static_cast<double>(kind.softcap);
  return cap > 0 ? cap * std::tanh(score / cap) : score;
}

}  // namespace

template <class Real>
void attention(const AttentionT<Real>& op) {
  const std::int64_t D = op.headDim;
  const double scale = scaleOf(op.kind, D);
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
        const double sink = op.sinks != nullptr ? static_cast<double>(op.sinks[h]) : -INFINITY;
        double max = sink;
        for (std::int64_t u = first; u <= t; ++u) {
          p[u - start] = capped(op.kind, scale * dot(q + t * op.ld, k + u * op.ld, D));
          max = std::max(max, p[u - start]);
        }
        double sum = std::exp(sink - max);
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
  const double scale = scaleOf(op.kind, D);
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
            const double score = capped(op.kind, scale * dot(q + t * op.ld, k + u * op.ld, D));
            const double p = std::exp(score - op.lse[(start + t) * op.heads + h]);
            const double bent = op.kind.softcap > 0 ? score / static_cast<double>(op.kind.softcap) : 0;
            const double ds = p * (dot(dout, v + u * op.ld, D) - delta) * (1 - bent * bent) * scale;
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
