// Rows of numbers that cross between JavaScript and the addon in a Float64Array. A record names the fields of a row, in
// order: here, and in native/records.ts. The addon exports these names, and loading it compares them with those.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bind/numbers.h"
#include "runtime/errors.h"

namespace loratwin::bind {

#define LORATWIN_RECORD(Name, ...)                      \
  struct Name {                                         \
    enum Field : std::size_t { __VA_ARGS__, kWidth };   \
    static constexpr const char* name = #Name;          \
    static constexpr const char* fields = #__VA_ARGS__; \
  }

namespace record {

LORATWIN_RECORD(Run, rows, stashRows, stash, work, in, out);
LORATWIN_RECORD(Segment, adapter, rowStart, rowEnd, lossScale, dropout, seedLow, seedHigh);
LORATWIN_RECORD(LossPart, rowStart, rowEnd, lossScale);
LORATWIN_RECORD(CachedRows, first, past, total);
LORATWIN_RECORD(Preference, curve, chosen, chosenReference, chosenShare, rejected, rejectedReference, rejectedShare,
                odds, beta, offset, up, down, weight, chosenWeight, divergenceFirst, divergenceCount);
LORATWIN_RECORD(SumSquares, adapter, cell);
LORATWIN_RECORD(UpdateItem, adapter, step, learningRate, learningRateB, beta1, beta2, eps, weightDecay, maxGradNorm,
                told);
LORATWIN_RECORD(AdapterEntry, target, rank, inFeatures, outFeatures, scale, experts, weight, column);
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
  float finite32(Field field, const char* at) const {
    return static_cast<float>(finite(field, at, static_cast<double>(std::numeric_limits<float>::max())));
  }
  // The field as a whole number within `least` and `most`. Throws ArgumentError with `at` and the field's name.
  std::int64_t whole(Field field, const char* at, std::int64_t least = 0, std::int64_t most = kMostWhole) const {
    const double value = numbers_[field];
    if (value >= static_cast<double>(least) && value <= static_cast<double>(most) && value == std::floor(value)) {
      return static_cast<std::int64_t>(value);
    }
    return within(value, least, most, at + ("." + nameOf(field)));
  }
  std::int32_t whole32(Field field, const char* at, std::int32_t least = 0) const {
    return static_cast<std::int32_t>(whole(field, at, least, std::numeric_limits<std::int32_t>::max()));
  }
  double finite(Field field, const char* at, double most = std::numeric_limits<double>::max()) const {
    const double value = numbers_[field];
    if (std::fabs(value) <= most) return value;
    throw ArgumentError("a finite number", at + ("." + nameOf(field)), shown(value));
  }
  const double* begin() const { return numbers_; }
  const double* end() const { return numbers_ + Record::kWidth; }

 private:
  static constexpr std::int64_t kMostWhole = (std::int64_t{1} << 53) - 1;

  static std::string nameOf(Field field) {
    std::string_view names = Record::fields;
    for (std::size_t i = 0; i < field; i++) names.remove_prefix(names.find(", ") + 2);
    return std::string(names.substr(0, names.find(", ")));
  }

  double numbers_[Record::kWidth] = {};
};

// Numbers, and where they come from.
struct Numbers {
  const double* data;
  std::size_t count;
  const char* at;
};

// Throws ArgumentError unless the numbers are whole rows.
template <class Record>
std::vector<Row<Record>> rows(Numbers packed) {
  if (packed.count % Record::kWidth != 0) {
    throw ArgumentError(std::string("rows of ") + Record::fields, packed.at, std::to_string(packed.count) + " numbers");
  }
  std::vector<Row<Record>> result;
  result.reserve(packed.count / Record::kWidth);
  for (std::size_t i = 0; i < packed.count; i += Record::kWidth) result.emplace_back(packed.data + i);
  return result;
}

// Throws ArgumentError unless the numbers are one row.
template <class Record>
Row<Record> row(Numbers packed) {
  if (packed.count != Record::kWidth) {
    throw ArgumentError(std::string("a row of ") + Record::fields, packed.at,
                        std::to_string(packed.count) + " numbers");
  }
  return Row<Record>(packed.data);
}

}  // namespace loratwin::bind
