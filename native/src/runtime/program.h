// A program: decoded steps that run on bindings. A tensor is (space, byte offset); a run binds each space to a place in
// the arena.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "adapter.h"
#include "memory.h"
#include "ops/exec_context.h"
#include "ops/head_loss.h"
#include "ops/lora.h"
#include "ops/matmul.h"
#include "ops/segments.h"

namespace loratwin {

enum class Space { stash, work, in, out };
constexpr int kSpaces = 4;
const char* spaceName(Space space);

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

struct Matrix {
  std::string name;
  ops::PackedMatrix packed;
};

// What a device has loaded; handles are indices and never reused.
struct Weights {
  std::vector<std::unique_ptr<Matrix>> matrices;
  std::vector<std::unique_ptr<Vector>> vectors;
  std::vector<std::unique_ptr<Table>> tables;
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
  std::vector<std::int32_t> ids;
  std::vector<std::int32_t> targets;
  std::vector<std::int32_t> sequences;
  std::vector<std::int32_t> rowKeys;
  std::vector<RunSegment> segments;
  std::size_t bases[kSpaces] = {0, 0, 0, 0};
  std::vector<RunSumSquares> sumSquares;
  bool profile = false;

  std::int32_t maxSequence() const;
  std::int32_t maxRank() const;
  // Throws ArgumentError unless sequences and segments are in row order within the rows, and no adapter comes twice.
  void check() const;
};

// Lists that a run fills anew; kept, so that a run allocates nothing once they are long enough.
struct RunScratch {
  std::array<std::vector<ops::LoraSegment>, ops::kLoraProjections> lora;
  std::vector<ops::LossSegment> loss;
};

// Everything a step needs while it runs.
struct Run {
  ops::ExecContext& pool;
  ops::MatmulEngine& engine;
  const Bindings& bindings;
  std::byte* arena;
  RunScratch& scratch;
  std::vector<double>* losses;

  std::int32_t rows() const { return bindings.rows; }
  ops::Sequences sequences() const {
    return {bindings.sequences.data(), static_cast<std::int32_t>(bindings.sequences.size()) - 1};
  }
  template <class Store = float>
  Store* at(Tensor tensor) const {
    return reinterpret_cast<Store*>(place(tensor));
  }
  std::byte* place(Tensor tensor) const {
    return arena + bindings.bases[static_cast<int>(tensor.space)] + tensor.offset;
  }
};

// Checks that what a step reads and writes lies inside the arena for given bindings.
class Reach {
 public:
  Reach(const Bindings& bindings, std::size_t arenaBytes, int threads)
      : bindings(bindings), threads(threads), arenaBytes_(arenaBytes) {}
  void enter(const std::string* step) { step_ = step; }

  // rows x columns elements with a row stride of `ld`
  void matrix(const char* field, Tensor tensor, std::int64_t ld, std::int64_t columns,
              ops::DType type = ops::DType::float32) const;
  void bytes(const char* field, Tensor tensor, std::size_t count) const;
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
  // Makes beforehand what a run would make on its first time.
  virtual void prepare(ops::MatmulEngine&) const {}
  virtual void run(Run& run) const = 0;

  std::string label;      // "operators[3] (matmul)"
  std::string arguments;  // "x=work+0 ldx=64 ..."
  bool givesLosses = false;
};

class Program {
 public:
  // Throws ArgumentError with index, name and field of an operator that is wrong.
  Program(const std::vector<RawOperator>& operators, const Weights& weights);
  // Throws ArgumentError when the run would leave the arena or lacks a binding.
  void check(const Bindings& bindings, std::size_t arenaBytes, int threads) const;
  const std::vector<std::unique_ptr<Step>>& steps() const { return steps_; }
  void prepare(ops::MatmulEngine& engine) const;
  bool givesLosses() const;

 private:
  std::vector<std::unique_ptr<Step>> steps_;
};

}  // namespace loratwin
