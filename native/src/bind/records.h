// Rows of numbers that cross between JavaScript and the addon in a Float64Array. A record names the fields of a row, in
// order: here, and in native/records.ts. The addon exports these names, and loading it compares them with those.
#pragma once

#include <napi.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "bind/values.h"
#include "runtime/errors.h"

namespace loratwin::bind {

#define LORATWIN_RECORD(Name, ...)                      \
  struct Name {                                         \
    enum Field : std::size_t { __VA_ARGS__, kWidth };   \
    static constexpr const char* name = #Name;          \
    static constexpr const char* fields = #__VA_ARGS__; \
  }

namespace record {

LORATWIN_RECORD(Run, rows, stash, work, in, out);
LORATWIN_RECORD(Segment, adapter, rowStart, rowEnd, lossScale, dropout, seedLow, seedHigh);
LORATWIN_RECORD(SumSquares, adapter, cell);
LORATWIN_RECORD(UpdateItem, adapter, step, learningRate, beta1, beta2, eps, weightDecay, maxGradNorm,
                told);
LORATWIN_RECORD(AdapterEntry, target, rank, inFeatures, outFeatures, scale);
LORATWIN_RECORD(Times, busyNs, waitNs, starvedNs, hostWaits);
LORATWIN_RECORD(Memory, weightsBytes, arenaBytes, adaptersBytes, otherBytes, peakBytes);
LORATWIN_RECORD(Graphs, captured, launched, kept, refused, nodes, bytes);
LORATWIN_RECORD(SpeedSample, atNs, product, copy);
LORATWIN_RECORD(ProductChoice, backward, narrow, narrowOut, adds, out, in, rows);

}  // namespace record

#undef LORATWIN_RECORD

// A row, read and written by its own record's fields only.
template <class Record>
class Row {
 public:
  using Field = typename Record::Field;

  explicit Row(const double* numbers) { std::copy_n(numbers, Record::kWidth, numbers_); }
  // Every field with its value: one that is left out does not compile.
  template <std::size_t kGiven>
  explicit Row(const std::pair<Field, double> (&values)[kGiven]) {
    static_assert(kGiven == Record::kWidth, "a row has every field of its record");
    for (const auto& [field, value] : values) numbers_[field] = value;
  }

  double operator[](Field field) const { return numbers_[field]; }
  const double* begin() const { return numbers_; }
  const double* end() const { return numbers_ + Record::kWidth; }

 private:
  double numbers_[Record::kWidth] = {};
};

// Throws ArgumentError unless the value is a Float64Array of whole rows.
template <class Record>
std::vector<Row<Record>> rows(const Napi::Value& value, const char* at) {
  const DoubleView packed = doubles(value, at);
  if (packed.count % Record::kWidth != 0) {
    throw ArgumentError(std::string("rows of ") + Record::fields, at, std::to_string(packed.count) + " numbers");
  }
  std::vector<Row<Record>> result;
  result.reserve(packed.count / Record::kWidth);
  for (std::size_t i = 0; i < packed.count; i += Record::kWidth) result.emplace_back(packed.data + i);
  return result;
}

// Throws ArgumentError unless the value is a Float64Array of one row.
template <class Record>
Row<Record> row(const Napi::Value& value, const char* at) {
  const DoubleView packed = doubles(value, at);
  if (packed.count != Record::kWidth) {
    throw ArgumentError(std::string("a row of ") + Record::fields, at, std::to_string(packed.count) + " numbers");
  }
  return Row<Record>(packed.data);
}

template <class Record>
Napi::Value packed(Napi::Env env, const std::vector<Row<Record>>& rows) {
  Napi::Float64Array array = Napi::Float64Array::New(env, rows.size() * Record::kWidth);
  double* next = array.Data();
  for (const Row<Record>& each : rows) next = std::copy(each.begin(), each.end(), next);
  return array;
}

}  // namespace loratwin::bind
