#include "token_rows.h"

#include "simd.h"

namespace loratwin::ops::LORATWIN_ISA {

namespace {

// A vector as Store has it.
template <class Store, class Lanes>
Vec rounded(Vec v, Lanes lanes) {
  if constexpr (sizeof(Store) == sizeof(float)) {
    return v;
  } else {
    Store kept[kLanes];
    store(kept, v, lanes);
    return load(kept, lanes);
  }
}

// The place of a token among ascending ones; -1: none of them.
std::int32_t placeOf(const TokenSegment& g, std::int32_t token) {
  std::int32_t first = 0;
  std::int32_t end = g.count;
  while (first < end) {
    const std::int32_t middle = first + (end - first) / 2;
    if (g.tokens[middle] < token) {
      first = middle + 1;
    } else {
      end = middle;
    }
  }
  return first < g.count && g.tokens[first] == token ? first : -1;
}

template <class Store>
void embed(ExecContext& context, const EmbedTokensT<float, Store>& op) {
  const std::int64_t H = op.hidden;
  const Vec scale = set1(op.scale);
  for (std::int32_t s = 0; s < op.segments.count; ++s) {
    const TokenSegment& g = op.segments.items[s];
    context.parallelFor(static_cast<std::size_t>(g.rowEnd - g.rowStart), [&](std::size_t begin, std::size_t end, int) {
      for (std::size_t row = begin; row < end; ++row) {
        const std::int64_t t = g.rowStart + static_cast<std::int64_t>(row);
        const std::int32_t j = placeOf(g, op.ids[t]);
        if (j < 0) continue;
        forLanes(H, [&](std::int64_t h, auto lanes) {
          store(op.out + t * H + h, scale * rounded<Store>(load(g.rows + j * H + h, lanes), lanes), lanes);
        });
      }
    });
  }
}

// body(segment, first, end): the listed rows of each segment.
template <class Op, class Body>
void forSegments(const Op& op, Body&& body) {
  std::int64_t next = 0;
  const auto rowOf = [&](std::int64_t i) { return op.rows == nullptr ? i : std::int64_t{op.rows[i]}; };
  for (std::int32_t s = 0; s < op.segments.count; ++s) {
    const TokenSegment& g = op.segments.items[s];
    while (next < op.count && rowOf(next) < g.rowStart) ++next;
    const std::int64_t first = next;
    while (next < op.count && rowOf(next) < g.rowEnd) ++next;
    if (first < next) body(g, first, next);
  }
}

// body(i) for rows first .. end
template <class Body>
void forRows(ExecContext& context, std::int64_t first, std::int64_t end, Body&& body) {
  context.parallelFor(static_cast<std::size_t>(end - first), [&](std::size_t from, std::size_t to, int) {
    for (std::size_t i = from; i < to; ++i) body(first + static_cast<std::int64_t>(i));
  });
}

template <class Store>
void logits(ExecContext& context, const HeadTokensT<float, Store>& op) {
  const std::int64_t H = op.hidden;
  forSegments(op, [&](const TokenSegment& g, std::int64_t first, std::int64_t end) {
    forRows(context, first, end, [&](std::int64_t i) {
      for (std::int64_t j = 0; j < g.count; ++j) {
        const Vec sum = sumLanes(H, [&](std::int64_t h, auto lanes, Vec all) {
          return fma(load(op.x + i * H + h, lanes), rounded<Store>(load(g.rows + j * H + h, lanes), lanes), all);
        });
        op.z[i * op.ldz + g.tokens[j]] = reduceAdd(sum);
      }
    });
  });
}

template <class Store>
void take(ExecContext& context, const HeadTokensT<float, Store>& op) {
  forSegments(op, [&](const TokenSegment& g, std::int64_t first, std::int64_t end) {
    forRows(context, first, end, [&](std::int64_t i) {
      for (std::int64_t j = 0; j < g.count; ++j) {
        Store& from = op.dz[i * op.lddz + g.tokens[j]];
        if constexpr (sizeof(Store) == sizeof(float)) {
          op.g[i * op.ldg + j] = from;
        } else {
          op.g[i * op.ldg + j] = toFloat(from);
        }
        from = Store{};
      }
    });
  });
}

template <class Store>
void backward(ExecContext& context, const HeadTokensT<float, Store>& op) {
  const std::int64_t H = op.hidden;
  forSegments(op, [&](const TokenSegment& g, std::int64_t first, std::int64_t end) {
    forRows(context, first, end, [&](std::int64_t i) {
      float* const dx = op.dx + i * H;
      for (std::int64_t j = 0; j < g.count; ++j) {
        const Vec factor = set1(op.g[i * op.ldg + j]);
        forLanes(H, [&](std::int64_t h, auto lanes) {
          const Vec row = rounded<Store>(load(g.rows + j * H + h, lanes), lanes);
          store(dx + h, fma(factor, row, load(dx + h, lanes)), lanes);
        });
      }
    });
    forRows(context, 0, g.count, [&](std::int64_t j) {
      float* const gradient = g.gradients + j * H;
      for (std::int64_t i = first; i < end; ++i) {
        const Vec factor = set1(op.g[i * op.ldg + j]);
        forLanes(H, [&](std::int64_t h, auto lanes) {
          store(gradient + h, fma(factor, load(op.x + i * H + h, lanes), load(gradient + h, lanes)), lanes);
        });
      }
    });
  });
}

}  // namespace

void embed_tokens(ExecContext& context, const EmbedTokensT<float>& op) { embed(context, op); }
void embed_tokens(ExecContext& context, const EmbedTokensT<float, Bf16>& op) { embed(context, op); }

void embed_tokens_backward(ExecContext& context, const EmbedTokensBackward& op) {
  const std::int64_t H = op.hidden;
  const Vec scale = set1(op.scale);
  for (std::int32_t s = 0; s < op.segments.count; ++s) {
    const TokenSegment& g = op.segments.items[s];
    forRows(context, 0, g.count, [&](std::int64_t j) {
      float* const gradient = g.gradients + j * H;
      for (std::int64_t t = g.rowStart; t < g.rowEnd; ++t) {
        if (op.ids[t] != g.tokens[j]) continue;
        forLanes(H, [&](std::int64_t h, auto lanes) {
          store(gradient + h, fma(scale, load(op.dx + t * H + h, lanes), load(gradient + h, lanes)), lanes);
        });
      }
    });
  }
}

void head_tokens(ExecContext& context, const HeadTokensT<float>& op) { logits(context, op); }
void head_tokens(ExecContext& context, const HeadTokensT<float, Bf16>& op) { logits(context, op); }
void head_tokens_take(ExecContext& context, const HeadTokensT<float>& op) { take(context, op); }
void head_tokens_take(ExecContext& context, const HeadTokensT<float, Bf16>& op) { take(context, op); }
void head_tokens_backward(ExecContext& context, const HeadTokensT<float>& op) { backward(context, op); }
void head_tokens_backward(ExecContext& context, const HeadTokensT<float, Bf16>& op) { backward(context, op); }

}  // namespace loratwin::ops::LORATWIN_ISA
