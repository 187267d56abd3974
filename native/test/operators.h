// The operators as functions between sets of tensors, so that every check is written once for all of them.
#pragma once

#include <functional>
#include <string>
#include <type_traits>
#include <vector>

#include "cases.h"
#include "ops/attention_kind.h"
#include "ops/bf16.h"
#include "ops/exec_context.h"
#include "ops/logits_kind.h"
#include "ops/segments.h"

namespace loratwin::test {

template <class Real>
using Tensors = std::vector<std::vector<Real>>;

// Where a tensor belongs when one segment is run alone.
enum class Extent { rows, segment, shared };

struct Tensor {
  std::string name;
  Extent extent;
  std::int64_t width;   // floats a row, or all floats
  int segment = -1;     // its segment's place in the case, for Extent::segment
  float spread = 1.0F;  // values uniform in -spread .. spread
  float centre = 0.0F;
  bool bf16 = false;  // stored as bfloat16: its values are rounded before anyone sees them
};

struct Operator {
  std::string name;
  std::function<std::vector<Tensor>(const Case&)> inputs;
  std::function<std::vector<Tensor>(const Case&)> outputs;
  std::function<Tensors<float>(ops::ExecContext&, const Case&, const Tensors<float>&)> forward;
  std::function<Tensors<double>(const Case&, const Tensors<double>&)> forwardReference;
  double forwardTolerance;  // NMSE
  // (inputs, forward's outputs, gradients of the outputs) -> gradients of the inputs, empty where not differentiated.
  // The gradient of an output that `gradedOutput` refuses is all 0.
  std::function<Tensors<float>(ops::ExecContext&, const Case&, const Tensors<float>&, const Tensors<float>&,
                               const Tensors<float>&)>
      backward = nullptr;
  std::function<Tensors<double>(const Case&, const Tensors<double>&, const Tensors<double>&, const Tensors<double>&)>
      backwardReference = nullptr;
  double backwardTolerance = 0;
  std::function<bool(const std::string&)> gradedOutput = nullptr;
  bool gradedBf16 = false;       // the outputs' gradients are stored as bfloat16, though an output may not be
  bool float32Gradient = false;  // its gradient is checked by the float32 form's entry
  // Bitwise equal when a segment is run alone, and for any number of threads. oneDNN's products were not looked at on
  // AMX.
  bool exactAlone = true;
  std::string kind = "";  // of what attention computes, if it is one of attentionKinds()
};

std::vector<Operator> operatorTable();

// The forms on bfloat16 of operators in `table` (operators_bf16.cc).
std::vector<Operator> bf16Operators(const std::vector<Operator>& table);

// The products of `table` with quantized weights (operators_quantized.cc).
std::vector<Operator> quantizedOperators(const std::vector<Operator>& table);

// Of an operator, a mode and a case: the error and what it may be.
using Report = std::function<void(const std::string&, const std::string&, const std::string&, double, double)>;

// The formats of quantized weights themselves (quantization.cc).
void checkQuantization(const Report& report);

// Adapters on the output head (head_adapters.cc).
void checkHeadAdapters(ops::ExecContext& one, ops::ExecContext& two, const Report& report);

// Magnitudes, and the norms that they are for (magnitudes.cc).
void checkMagnitudes(ops::ExecContext& one, ops::ExecContext& two, const Report& report);

// Rows that adapters have of the embedding and a tied head (token_rows.cc).
void checkTokenRows(ops::ExecContext& one, ops::ExecContext& two, const Report& report);

// Sequences that are run in parts, and logits of some rows (cached.cc).
void checkCached(ops::ExecContext& one, ops::ExecContext& two, const Report& report);

// Coefficients of losses that are compared (preference.cc).
void checkPreference(ops::ExecContext& one, ops::ExecContext& two, const Report& report);

// A row of a product has the same bits whatever number of rows it is one of (product_rows.cc).
void checkProductRows(ops::ExecContext& two, const Report& report);

inline std::vector<ops::Bf16> toBf16(const std::vector<float>& values) {
  std::vector<ops::Bf16> stored(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) stored[i] = ops::toBf16(values[i]);
  return stored;
}

inline std::vector<float> toFloats(const std::vector<ops::Bf16>& stored) {
  std::vector<float> values(stored.size());
  for (std::size_t i = 0; i < stored.size(); ++i) values[i] = ops::toFloat(stored[i]);
  return values;
}

inline std::vector<float> toFloats(const std::vector<float>& values) { return values; }

// A tensor as an operator with this storage type takes it, and back.
template <class Store, class Real>
std::vector<Store> stored(const std::vector<Real>& values) {
  if constexpr (std::is_same_v<Store, Real>) {
    return values;
  } else {
    return toBf16(values);
  }
}

template <class Real, class Store>
std::vector<Real> reals(const std::vector<Store>& tensor) {
  if constexpr (std::is_same_v<Store, Real>) {
    return tensor;
  } else {
    return toFloats(tensor);
  }
}

enum class MatmulExtra { none, bias, residual, residualInPlace };

// Attention (operators_attention.cc); operatorTable has all. Scores reach about spread^2 sqrt(D) / 3.
Operator attentionOperator(const std::string& name, ops::DType type, float spread, double forwardTolerance,
                           double backwardTolerance, const ops::AttentionKind& kind = {}, bool withSinks = false);

// attention of all kinds, for attentionCases (attention_kinds.cc).
std::vector<Operator> attentionKinds();
// What kinds have in common with one another, and which keys they do not touch.
void checkAttentionKinds(ops::ExecContext& context, const Report& report);

enum class HeadNorms { ofHeads, whole, unweighted };

// The norms of queries and keys, rope and temperature (operators_heads.cc); operatorTable has all. In place: dx is dy.
Operator headNormOperator(const std::string& name, ops::DType type, HeadNorms norms, bool inPlace);

struct Turns {
  bool part = false;    // of a head's columns about a half
  bool pairs = false;   // of neighbours
  bool longer = false;  // sequences of more than 17 rows by other frequencies
  float factor = 1.0F;
};
Operator ropeOperator(const std::string& name, ops::DType type, const Turns& turns);
Operator temperatureOperator(const std::string& name, ops::DType type);

// The operators with weights (operators_linear.cc); operatorTable has all.
Operator matmulOperator(const std::string& name, MatmulExtra extra);

// Kinds of logits. z is about spread sqrt(hidden) / 3 large.
struct HeadLossForm {
  std::string name;
  ops::LogitsKind kind;
  float spread;                      // of the weight
  double backwardTolerance = 1e-10;  // more where z is many times the cap: its rounding is not capped
};
const std::vector<HeadLossForm>& headLossForms();
Operator headLossOperator(const HeadLossForm& form);

// lora in all forms (operators_lora.cc); operatorTable has all.
std::vector<Operator> loraOperators();

// Mixtures of experts (operators_experts.cc), for all cases; operatorTable has all.
std::vector<Operator> expertOperators();
// Places of pairs, ties of logits, and rows that are their expert's only one.
void checkExperts(ops::ExecContext& two, const Report& report);

// Of swiglu clamped.
constexpr float kAlpha = 1.7F;
constexpr float kLimit = 6.0F;

constexpr std::int64_t kPad = 3;  // strides are longer than the rows and not a multiple of anything
constexpr int kYColumn = 5;       // first column of an operand that is part of a wider tensor

inline bool everyOutput(const std::string&) { return true; }

// What a case's rows look like to an operator.
struct Layout {
  std::vector<std::int32_t> sequences;  // offsets
  std::vector<std::int32_t> starts;     // row offsets of the segments
  std::vector<std::int32_t> rowKeys;
  std::vector<std::int32_t> ids;
  std::vector<std::int32_t> targets;

  explicit Layout(const Case& shape) : sequences{0}, starts{0} {
    for (const SegmentCase& segment : shape.segments) {
      std::int32_t rowOfSegment = 0;
      for (const int length : segment.sequences) {
        for (int i = 0; i < length; ++i, ++rowOfSegment) {
          rowKeys.push_back(segment.id * 100003 + rowOfSegment);
          ids.push_back((segment.id * 31 + rowOfSegment * 7) % shape.vocabulary);
          targets.push_back(
              i + 1 == length || rowOfSegment % 4 == 1 ? -1 : (segment.id * 17 + rowOfSegment * 5) % shape.vocabulary);
        }
        sequences.push_back(sequences.back() + length);
      }
      starts.push_back(starts.back() + rowOfSegment);
    }
  }
};

inline ops::Sequences sequencesOf(const Layout& layout) {
  return {layout.sequences.data(), static_cast<std::int32_t>(layout.sequences.size()) - 1};
}

}  // namespace loratwin::test
