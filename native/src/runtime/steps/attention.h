// attention, attentionBackward and cachedAttention: fields and reach; how much scratch they need is the device's
// affair.
#pragma once

#include <algorithm>

#include "ops/attention_kind.h"
#include "ops/cached_attention.h"
#include "runtime/fields.h"

namespace loratwin {

// The q, k and v columns of a packed projection.
struct HeadColumns {
  explicit HeadColumns(Fields& fields)
      : headDim(fields.count("headDim")),
        heads(fields.count("heads")),
        kvHeads(fields.count("kvHeads")),
        q(fields.count("qColumn", 0)),
        k(fields.count("kColumn", 0)),
        v(fields.count("vColumn", 0)) {
    if (heads % kvHeads != 0) {
      fields.refuse("kvHeads", "a divisor of " + std::to_string(heads), std::to_string(kvHeads));
    }
  }
  std::int64_t width() const { return std::int64_t{heads} * headDim; }
  // One past the last column of q, k and v.
  std::int64_t columns() const {
    const std::int64_t kvWidth = std::int64_t{kvHeads} * headDim;
    return std::max({q + width(), k + kvWidth, v + kvWidth});
  }

  std::int32_t headDim;
  std::int32_t heads;
  std::int32_t kvHeads;
  std::int32_t q;
  std::int32_t k;
  std::int32_t v;
};

inline ops::AttentionKind attentionKind(Fields& f) {
  ops::AttentionKind kind;
  const auto positive = [&f](const char* field) {
    if (!f.given(field)) return 0.0F;
    const float value = f.number(field);
    if (!(value > 0.0F)) f.refuse(field, "a positive number", std::to_string(value));
    return value;
  };
  kind.scale = positive("scale");
  kind.softcap = positive("softcap");
  if (f.given("window")) kind.window = f.count("window");
  if (f.given("chunk")) kind.chunk = f.count("chunk");
  if (kind.window > 0 && kind.chunk > 0) f.refuse("chunk", "no chunk beside a window", std::to_string(kind.chunk));
  return kind;
}

// The operator knows of no keys but those of the run.
inline void reachWhole(const Reach& r) {
  if (!r.bindings.caches.empty()) r.refuse("qkv", "a run of whole sequences", "one with caches");
}

struct AttentionFields {
  explicit AttentionFields(Fields& f)
      : dtype(f.dtype("dtype")),
        columns(f),
        qkv(f.tensor("qkv")),
        ld(f.stride("ld", columns.columns())),
        out(f.tensor("out")),
        ldo(f.stride("ldo", columns.width())),
        lse(f.tensor("lse")),
        scratch(f.tensor("scratch")),
        kind(attentionKind(f)),
        sinks(f.optionalVector("sinks", static_cast<std::size_t>(columns.heads))) {}
  void reach(const Reach& r) const {
    reachWhole(r);
    r.matrix("qkv", qkv, ld, columns.columns(), dtype);
    r.matrix("out", out, ldo, columns.width(), dtype);
    r.matrix("lse", lse, columns.heads, columns.heads);
  }

  const ops::DType dtype;
  const HeadColumns columns;
  const Tensor qkv;
  const std::int64_t ld;
  const Tensor out;
  const std::int64_t ldo;
  const Tensor lse;
  const Tensor scratch;
  const ops::AttentionKind kind;
  const Vector* const sinks;  // null: none
};

// The cache is in the stash, as long as that.
struct CachedAttentionFields {
  explicit CachedAttentionFields(Fields& f)
      : dtype(f.dtype("dtype")),
        columns(f),
        qkv(f.tensor("qkv")),
        ld(f.stride("ld", columns.columns())),
        cache(f.tensor("cache")),
        ldc(f.stride("ldc", cacheColumns())),
        out(f.tensor("out")),
        ldo(f.stride("ldo", columns.width())),
        scratch(f.tensor("scratch")),
        kind(attentionKind(f)),
        sinks(f.optionalVector("sinks", static_cast<std::size_t>(columns.heads))) {
    if (cache.space != Space::stash) f.refuse("cache", "a tensor in the stash", spaceName(cache.space));
    if (columns.heads / columns.kvHeads > ops::kMostCachedGroup) {
      f.refuse("heads", "at most " + std::to_string(ops::kMostCachedGroup) + " a kv head",
               std::to_string(columns.heads / columns.kvHeads));
    }
  }
  std::int64_t cacheColumns() const { return std::int64_t{2} * columns.kvHeads * columns.headDim; }
  void reach(const Reach& r) const {
    if (r.bindings.caches.empty()) r.refuse("cache", "a run with caches", "none");
    r.matrix("qkv", qkv, ld, columns.columns(), dtype);
    r.matrix("out", out, ldo, columns.width(), dtype);
    const ops::Size before =
        ops::Size(static_cast<std::size_t>(r.bindings.stashRows) - 1) * static_cast<std::size_t>(ldc);
    r.bytes("cache", cache, (before + static_cast<std::size_t>(cacheColumns())) * ops::sizeOf(dtype));
  }

  const ops::DType dtype;
  const HeadColumns columns;
  const Tensor qkv;
  const std::int64_t ld;
  const Tensor cache;
  const std::int64_t ldc;
  const Tensor out;
  const std::int64_t ldo;
  const Tensor scratch;
  const ops::AttentionKind kind;
  const Vector* const sinks;  // null: none
};

struct AttentionBackwardFields {
  explicit AttentionBackwardFields(Fields& f)
      : dtype(f.dtype("dtype")),
        columns(f),
        qkv(f.tensor("qkv")),
        ld(f.stride("ld", columns.columns())),
        out(f.tensor("out")),
        ldo(f.stride("ldo", columns.width())),
        dout(f.tensor("dout")),
        lddo(f.stride("lddo", columns.width())),
        lse(f.tensor("lse")),
        dqkv(f.tensor("dqkv")),
        ldd(f.stride("ldd", columns.columns())),
        scratch(f.tensor("scratch")),
        kind(attentionKind(f)) {}
  void reach(const Reach& r) const {
    reachWhole(r);
    r.matrix("qkv", qkv, ld, columns.columns(), dtype);
    r.matrix("out", out, ldo, columns.width(), dtype);
    r.matrix("dout", dout, lddo, columns.width(), dtype);
    r.matrix("lse", lse, columns.heads, columns.heads);
    r.matrix("dqkv", dqkv, ldd, columns.columns(), dtype);
  }

  const ops::DType dtype;
  const HeadColumns columns;
  const Tensor qkv;
  const std::int64_t ld;
  const Tensor out;
  const std::int64_t ldo;
  const Tensor dout;
  const std::int64_t lddo;
  const Tensor lse;
  const Tensor dqkv;
  const std::int64_t ldd;
  const Tensor scratch;
  const ops::AttentionKind kind;
};

}  // namespace loratwin
