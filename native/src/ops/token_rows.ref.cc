#include "token_rows.h"

namespace loratwin::ops::ref {

namespace {

// body(segment, j, t) for each token j and row t of each segment.
template <class Body>
void forTokens(const TokenSegmentsT<double>& segments, Body&& body) {
  for (std::int32_t s = 0; s < segments.count; ++s) {
    const TokenSegmentT<double>& g = segments.items[s];
    for (std::int32_t j = 0; j < g.count; ++j) {
      for (std::int64_t t = g.rowStart; t < g.rowEnd; ++t) body(g, std::int64_t{j}, t);
    }
  }
}

// The same for the rows of a head.
template <class Body>
void forListed(const HeadTokensT<double>& op, Body&& body) {
  forTokens(op.segments, [&](const TokenSegmentT<double>& g, std::int64_t j, std::int64_t t) {
    for (std::int64_t i = 0; i < op.count; ++i) {
      if ((op.rows == nullptr ? i : op.rows[i]) == t) body(g, j, i);
    }
  });
}

}  // namespace

void embed_tokens(const EmbedTokensT<double>& op) {
  const std::int64_t H = op.hidden;
  forTokens(op.segments, [&](const auto& g, std::int64_t j, std::int64_t t) {
    if (op.ids[t] != g.tokens[j]) return;
    for (std::int64_t h = 0; h < H; ++h) op.out[t * H + h] = op.scale * g.rows[j * H + h];
  });
}

void embed_tokens_backward(const EmbedTokensBackwardT<double>& op) {
  const std::int64_t H = op.hidden;
  forTokens(op.segments, [&](const auto& g, std::int64_t j, std::int64_t t) {
    if (op.ids[t] != g.tokens[j]) return;
    for (std::int64_t h = 0; h < H; ++h) g.gradients[j * H + h] += op.scale * op.dx[t * H + h];
  });
}

void head_tokens(const HeadTokensT<double>& op) {
  const std::int64_t H = op.hidden;
  forListed(op, [&](const auto& g, std::int64_t j, std::int64_t i) {
    double sum = 0;
    for (std::int64_t h = 0; h < H; ++h) sum += op.x[i * H + h] * g.rows[j * H + h];
    op.z[i * op.ldz + g.tokens[j]] = sum;
  });
}

void head_tokens_take(const HeadTokensT<double>& op) {
  forListed(op, [&](const auto& g, std::int64_t j, std::int64_t i) {
    op.g[i * op.ldg + j] = op.dz[i * op.lddz + g.tokens[j]];
    op.dz[i * op.lddz + g.tokens[j]] = 0;
  });
}

void head_tokens_backward(const HeadTokensT<double>& op) {
  const std::int64_t H = op.hidden;
  forListed(op, [&](const auto& g, std::int64_t j, std::int64_t i) {
    for (std::int64_t h = 0; h < H; ++h) {
      op.dx[i * H + h] += op.g[i * op.ldg + j] * g.rows[j * H + h];
      g.gradients[j * H + h] += op.g[i * op.ldg + j] * op.x[i * H + h];
    }
  });
}

}  // namespace loratwin::ops::ref
