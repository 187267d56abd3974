// A program: decoded steps that run on bindings. A tensor is (space, byte offset); a run binds each space to a place in
// the arena. What a step does on a device is in cpu/ and cuda/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "adapter.h"
#include "memory.h"
#include "ops/bf16.h"
#include "ops/preference.h"
#include "ops/segments.h"
#include "ops/size.h"

namespace loratwin {

enum class Space { stash, work, in, out };
constexpr int kSpaces = 4;
const char* spaceName(Space space);

// A stash is a whole number of units of so many rows long, and its tensors lie one after another: at that many times
// the offset that they have in a stash of one unit. plan/memory/stash.ts counts in the same units.
constexpr std::int32_t kUnitRows = 16;

struct Tensor {
  Space space = Space::stash;
  std::size_t offset = 0;
};

// An operator as JavaScript gave it.
struct RawOperator {
  std::string name;
  std::map<std::string, std::variant<double, bool, Tensor, std::string>> fields;
};

struct Vector {
  std::size_t count;
  Buffer values;
};

struct Table {
  std::int32_t rows;
  std::int32_t columns;
  ops::DType dtype;
  Buffer values;
};

// A frozen weight, or one of each of several experts. A device derives what it keeps: packed, as it is, or in a
// narrower format than it is multiplied in.
struct Matrix {
  virtual ~Matrix() = default;

  std::string name;
  std::int32_t out = 0;
  std::int32_t in = 0;
  std::int32_t experts = 1;
  ops::DType dtype = ops::DType::float32;  // of the product
  bool backward = false;
};

// What a device has loaded; handles are indices and never reused.
struct Weights {
  std::vector<std::shared_ptr<const Matrix>> matrices;
  std::vector<std::shared_ptr<const Vector>> vectors;
  std::vector<std::shared_ptr<const Table>> tables;
};

struct RunSegment {
  std::shared_ptr<Adapter> adapter;
  std::int32_t rowStart = 0;
  std::int32_t rowEnd = 0;
  float lossScale = 1.0F;
  float dropout = 0.0F;
  std::uint32_t seed[2] = {0, 0};
};

struct RunSumSquares {
  std::shared_ptr<Adapter> adapter;
  double* cell = nullptr;
};

struct Bindings {
  std::int32_t rows = 0;
  // Of the run that the stash was made for: a backward may leave out the last of its rows.
  std::int32_t stashRows = 0;
  std::vector<std::int32_t> ids;
  std::vector<std::int32_t> targets;
  std::vector<std::int32_t> sequences;
  // Of each sequence, where its keys and values are kept; empty: each is whole.
  std::vector<ops::CachedRows> caches;
  // Rows of which the logits are wanted.
  std::vector<std::int32_t> logitRows;
  std::vector<std::int32_t> rowKeys;
  std::vector<RunSegment> segments;
  std::vector<ops::LossSegment> losses;
  std::vector<ops::PreferenceTerm> preferences;
  std::size_t bases[kSpaces] = {0, 0, 0, 0};
  std::vector<RunSumSquares> sumSquares;
  bool profile = false;

  std::int32_t maxSequence() const;
  std::int32_t maxRank() const;
  // Throws ArgumentError unless what is given for each row has an item for each, sequences and segments are in row
  // order within the rows, their numbers are within range, no adapter comes twice in a run that may have a backward,
  // rows in a cache are within the stash and no other sequence's, and preferences name losses.
  void check() const;
  // Of one of the spaces' tensors; too large where it does not fit.
  ops::Size placeOf(Tensor tensor) const {
    return ops::Size(bases[static_cast<int>(tensor.space)]) + ops::Size(tensor.offset) * unitsOf(tensor.space);
  }
  // Once check() has found that all fits.
  std::size_t place(Tensor tensor) const {
    return bases[static_cast<int>(tensor.space)] + tensor.offset * unitsOf(tensor.space);
  }

 private:
  void checkLosses() const;
  void checkCaches() const;
  std::size_t unitsOf(Space space) const {
    return space == Space::stash ? (static_cast<std::size_t>(stashRows) + kUnitRows - 1) / kUnitRows : 1;
  }
};

// Checks that what a step reads and writes lies inside the arena for given bindings.
class Reach {
 public:
  // `threads`: of a CPU device's pool, which its scratch depends on.
  Reach(const Bindings& bindings, std::size_t arenaBytes, int threads)
      : bindings(bindings), threads(threads), arenaBytes_(arenaBytes) {}
  void enter(const std::string* step) { step_ = step; }

  // rows x columns elements with a row stride of `ld`; `perRow` rows for each row of the run
  void matrix(const char* field, Tensor tensor, std::int64_t ld, std::int64_t columns,
              ops::DType type = ops::DType::float32, std::int32_t perRow = 1) const;
  void bytes(const char* field, Tensor tensor, ops::Size count) const;
  void present(const char* binding, const std::vector<std::int32_t>& data) const;
  [[noreturn]] void refuse(const char* field, const std::string& expected, const std::string& got) const;

  const Bindings& bindings;
  const int threads;

 private:
  std::size_t arenaBytes_;
  const std::string* step_ = nullptr;
};

class Step {
 public:
  virtual ~Step() = default;
  virtual void reach(Reach& reach) const = 0;

  std::string label;      // "operators[3] (matmul)"
  std::string arguments;  // "x=work+0 ldx=64 ..."
  bool givesLosses = false;
};

class Fields;
using StepMaker = std::unique_ptr<Step> (*)(Fields& fields);

template <class Kind>
std::unique_ptr<Step> makeStep(Fields& fields) {
  return std::make_unique<Kind>(fields);
}

// The operators of a kind of device. A new one is its fields in steps/, a struct for each kind, and a line in its
// table.
struct StepEntry {
  const char* name;
  StepMaker make;
};
using StepTable = std::span<const StepEntry>;
using StepTables = std::vector<StepTable>;

class Program {
 public:
  // Throws ArgumentError with index, name and field of an operator that is wrong.
  Program(const std::vector<RawOperator>& operators, const Weights& weights, const StepTables& tables);
  // Throws ArgumentError when the run would leave the arena or lacks a binding.
  void check(const Bindings& bindings, std::size_t arenaBytes, int threads) const;
  const std::vector<std::unique_ptr<Step>>& steps() const { return steps_; }
  bool givesLosses() const;
  // The longest row stride of a step, in elements.
  std::int64_t widestRow() const { return widestRow_; }

 private:
  std::vector<std::unique_ptr<Step>> steps_;
  std::int64_t widestRow_ = 0;
};

}  // namespace loratwin
