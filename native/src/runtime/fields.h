// Reads the fields of one operator by name and kind; what is missing, wrong or left over is an ArgumentError.
#pragma once

#include <initializer_list>
#include <optional>
#include <set>
#include <string>

#include "program.h"

namespace loratwin {

class Fields {
 public:
  Fields(const RawOperator& raw, const Weights& weights, std::string label)
      : raw_(raw), weights_(weights), label_(std::move(label)) {}

  Tensor tensor(const char* field);
  std::optional<Tensor> optionalTensor(const char* field);
  std::int32_t count(const char* field, std::int32_t least = 1);
  // A row stride of at least `columns`.
  std::int64_t stride(const char* field, std::int64_t columns);
  float number(const char* field);
  bool flag(const char* field);
  // "float32" or "bfloat16"; `absent` when not given.
  ops::DType dtype(const char* field, ops::DType absent = ops::DType::float32);
  // The place of a word in `names`; 0 when not given.
  std::size_t choice(const char* field, std::initializer_list<const char*> names);
  const Matrix& matrix(const char* field);
  // Of any number of experts.
  const Matrix& expertMatrix(const char* field);
  const Vector& vector(const char* field, std::size_t count);
  // Of `least` .. `most` elements.
  const Vector& vector(const char* field, std::size_t least, std::size_t most);
  const Vector* optionalVector(const char* field, std::size_t count);
  const Table& table(const char* field);
  // Refuses `value`, the type of `item`, unless it is `wanted`.
  void requireType(const char* field, ops::DType value, ops::DType wanted) const;
  bool given(const char* field) const { return raw_.fields.contains(field); }

  // The longest row stride read.
  std::int64_t widest() const { return widest_; }
  // After the last read.
  void finish() const;
  [[noreturn]] void refuse(const char* field, const std::string& expected, const std::string& got) const;
  const std::string& arguments() const { return arguments_; }

 private:
  template <class Kind>
  const Kind& read(const char* field, const char* expected);
  template <class Item>
  const Item& item(const char* field, const std::vector<std::shared_ptr<const Item>>& items, const char* expected);

  const RawOperator& raw_;
  const Weights& weights_;
  std::string label_;
  std::string arguments_;
  std::int64_t widest_ = 0;
  std::set<std::string> read_;
};

}  // namespace loratwin
