#include "fields.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "errors.h"

namespace loratwin {

namespace {

std::string shown(double value) {
  const bool whole = value == std::floor(value) && std::fabs(value) < 1e15;
  return whole ? std::to_string(static_cast<std::int64_t>(value)) : std::to_string(value);
}

std::string shown(const std::variant<double, bool, Tensor, std::string>& value) {
  if (const auto* number = std::get_if<double>(&value)) return shown(*number);
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* tensor = std::get_if<Tensor>(&value)) {
    return std::string(spaceName(tensor->space)) + "+" + std::to_string(tensor->offset);
  }
  return std::get<std::string>(value);
}

}  // namespace

void Fields::refuse(const char* field, const std::string& expected, const std::string& got) const {
  throw ArgumentError(expected, label_ + "." + field, got);
}

template <class Kind>
const Kind& Fields::read(const char* field, const char* expected) {
  const auto found = raw_.fields.find(field);
  if (found == raw_.fields.end()) refuse(field, expected, "nothing");
  const Kind* const value = std::get_if<Kind>(&found->second);
  if (value == nullptr) refuse(field, expected, shown(found->second));
  read_.insert(field);
  arguments_ += (arguments_.empty() ? "" : " ") + found->first + "=" + shown(found->second);
  return *value;
}

Tensor Fields::tensor(const char* field) { return read<Tensor>(field, "a tensor"); }

std::optional<Tensor> Fields::optionalTensor(const char* field) {
  if (!given(field)) return std::nullopt;
  return tensor(field);
}

std::int32_t Fields::count(const char* field, std::int32_t least) {
  const double value = read<double>(field, "a whole number");
  if (value != std::floor(value) || value < least || value > std::numeric_limits<std::int32_t>::max()) {
    refuse(field, "a whole number of at least " + std::to_string(least), shown(value));
  }
  return static_cast<std::int32_t>(value);
}

std::int64_t Fields::stride(const char* field, std::int64_t columns) {
  const std::int32_t value = count(field);
  if (value < columns) refuse(field, "a row stride of at least " + std::to_string(columns), std::to_string(value));
  widest_ = std::max(widest_, std::int64_t{value});
  return value;
}

float Fields::number(const char* field) {
  const double value = read<double>(field, "a finite number");
  if (!std::isfinite(value)) refuse(field, "a finite number", "not finite");
  return static_cast<float>(value);
}

bool Fields::flag(const char* field) { return read<bool>(field, "true or false"); }

ops::DType Fields::dtype(const char* field, ops::DType absent) {
  if (!given(field)) return absent;
  const std::string& name = read<std::string>(field, "float32 or bfloat16");
  for (const ops::DType type : {ops::DType::float32, ops::DType::bfloat16}) {
    if (name == ops::dtypeName(type)) return type;
  }
  refuse(field, "float32 or bfloat16", name);
}

std::size_t Fields::choice(const char* field, std::initializer_list<const char*> names) {
  if (!given(field)) return 0;
  std::string expected;
  for (const char* const name : names) expected += (expected.empty() ? "" : " or ") + std::string(name);
  const std::string& chosen = read<std::string>(field, expected.c_str());
  const auto found = std::find(names.begin(), names.end(), chosen);
  if (found == names.end()) refuse(field, expected, chosen);
  return static_cast<std::size_t>(found - names.begin());
}

void Fields::requireType(const char* field, ops::DType value, ops::DType wanted) const {
  if (value != wanted) refuse(field, std::string("one of ") + ops::dtypeName(wanted), ops::dtypeName(value));
}

template <class Item>
const Item& Fields::item(const char* field, const std::vector<std::shared_ptr<const Item>>& items,
                         const char* expected) {
  const double value = read<double>(field, expected);
  if (value != std::floor(value) || value < 0 || value >= static_cast<double>(items.size())) {
    refuse(field, expected, shown(value));
  }
  return *items[static_cast<std::size_t>(value)];
}

const Matrix& Fields::matrix(const char* field) {
  const Matrix& found = expertMatrix(field);
  if (found.experts != 1) refuse(field, "a matrix of no experts", "one of " + std::to_string(found.experts));
  return found;
}

const Matrix& Fields::expertMatrix(const char* field) {
  const Matrix& found = item(field, weights_.matrices, "a matrix of this device");
  const std::string experts = found.experts == 1 ? "" : std::to_string(found.experts) + ",";
  arguments_ += " (" + found.name + " [" + experts + std::to_string(found.out) + "," + std::to_string(found.in) + "])";
  return found;
}

const Vector& Fields::vector(const char* field, std::size_t count) { return vector(field, count, count); }

const Vector& Fields::vector(const char* field, std::size_t least, std::size_t most) {
  const Vector& found = item(field, weights_.vectors, "a vector of this device");
  if (found.count < least || found.count > most) {
    const std::string range = least == most ? "" : std::to_string(least) + " .. ";
    refuse(field, "a vector of " + range + std::to_string(most), "one of " + std::to_string(found.count));
  }
  return found;
}

const Vector* Fields::optionalVector(const char* field, std::size_t count) {
  return given(field) ? &vector(field, count) : nullptr;
}

const Table& Fields::table(const char* field) { return item(field, weights_.tables, "a table of this device"); }

void Fields::finish() const {
  for (const auto& [field, value] : raw_.fields) {
    if (!read_.contains(field)) refuse(field.c_str(), "no such field", shown(value));
  }
}

}  // namespace loratwin
