#include "bind/values.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/errors.h"

namespace loratwin::bind {

namespace {

template <class Array>
Array typedArray(const Napi::Value& value, napi_typedarray_type type, const char* expected, const char* at) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) {
    throw ArgumentError(expected, at, text(value));
  }
  return value.As<Array>();
}

Tensor tensor(const Napi::Object& object, const std::string& at) {
  const std::string name = text(object.Get("space"));
  Tensor result;
  int space = 0;
  while (space < kSpaces && name != spaceName(static_cast<Space>(space))) space++;
  if (space == kSpaces) throw ArgumentError("stash, work, in or out", at + ".space", name);
  result.space = static_cast<Space>(space);
  const std::int64_t offset = whole(object.Get("offset"), (at + ".offset").c_str());
  if (offset < 0) throw ArgumentError("an offset of at least 0", at + ".offset", std::to_string(offset));
  result.offset = static_cast<std::size_t>(offset);
  return result;
}

}  // namespace

FloatView floats(const Napi::Value& value, const char* at) {
  const auto array = typedArray<Napi::Float32Array>(value, napi_float32_array, "a Float32Array", at);
  return {array.Data(), array.ElementLength()};
}

DoubleView doubles(const Napi::Value& value, const char* at) {
  const auto array = typedArray<Napi::Float64Array>(value, napi_float64_array, "a Float64Array", at);
  return {array.Data(), array.ElementLength()};
}

std::vector<std::int32_t> integers(const Napi::Value& value, const char* at) {
  if (value.IsUndefined()) return {};
  const auto array = typedArray<Napi::Int32Array>(value, napi_int32_array, "an Int32Array", at);
  return {array.Data(), array.Data() + array.ElementLength()};
}

std::int64_t whole(const Napi::Value& value, const char* at) {
  if (!value.IsNumber()) throw ArgumentError("a whole number", at, text(value));
  const double number = value.As<Napi::Number>().DoubleValue();
  if (number != std::floor(number) || std::fabs(number) > 9007199254740991.0) {
    throw ArgumentError("a whole number", at, text(value));
  }
  return static_cast<std::int64_t>(number);
}

std::int32_t whole32(const Napi::Value& value, const char* at) {
  const std::int64_t number = whole(value, at);
  if (number < 0 || number > std::numeric_limits<std::int32_t>::max()) {
    throw ArgumentError("a whole number below 2^31", at, std::to_string(number));
  }
  return static_cast<std::int32_t>(number);
}

std::vector<std::int64_t> wholeNumbers(const Napi::Value& value, const char* at) {
  if (!value.IsArray()) throw ArgumentError("an array of whole numbers", at, text(value));
  const auto array = value.As<Napi::Array>();
  std::vector<std::int64_t> result(array.Length());
  for (std::uint32_t i = 0; i < array.Length(); i++) result[i] = whole(array.Get(i), at);
  return result;
}

std::string text(const Napi::Value& value) { return value.ToString().Utf8Value(); }

ops::DType dtype(const Napi::Value& value, const char* at) {
  const std::string name = text(value);
  for (const ops::DType type : {ops::DType::float32, ops::DType::bfloat16}) {
    if (name == ops::dtypeName(type)) return type;
  }
  throw ArgumentError("float32 or bfloat16", at, name);
}

namespace {

// A field of an operator; a list of objects becomes fields named "list[0].field".
void addField(RawOperator& raw, const std::string& name, const Napi::Value& field, const std::string& label) {
  if (field.IsNumber()) {
    raw.fields[name] = field.As<Napi::Number>().DoubleValue();
  } else if (field.IsBoolean()) {
    raw.fields[name] = field.As<Napi::Boolean>().Value();
  } else if (field.IsArray()) {
    const auto items = field.As<Napi::Array>();
    for (std::uint32_t i = 0; i < items.Length(); i++) {
      const auto item = items.Get(i).As<Napi::Object>();
      const Napi::Array names = item.GetPropertyNames();
      for (std::uint32_t n = 0; n < names.Length(); n++) {
        const std::string part = text(names.Get(n));
        addField(raw, name + "[" + std::to_string(i) + "]." + part, item.Get(part), label);
      }
    }
  } else if (field.IsObject()) {
    raw.fields[name] = tensor(field.As<Napi::Object>(), label + "." + name);
  } else {
    raw.fields[name] = text(field);
  }
}

}  // namespace

std::vector<RawOperator> operators(const Napi::Value& value) {
  const auto array = value.As<Napi::Array>();
  std::vector<RawOperator> result;
  for (std::uint32_t i = 0; i < array.Length(); i++) {
    const auto object = array.Get(i).As<Napi::Object>();
    RawOperator raw;
    raw.name = text(object.Get("op"));
    const std::string label = "operators[" + std::to_string(i) + "] (" + raw.name + ")";
    const Napi::Array names = object.GetPropertyNames();
    for (std::uint32_t n = 0; n < names.Length(); n++) {
      const std::string name = text(names.Get(n));
      if (name != "op") addField(raw, name, object.Get(name), label);
    }
    result.push_back(std::move(raw));
  }
  return result;
}

Napi::Value doubleArray(Napi::Env env, const std::vector<double>& values) {
  Napi::Float64Array array = Napi::Float64Array::New(env, values.size());
  std::copy(values.begin(), values.end(), array.Data());
  return array;
}

Napi::Value floatArray(Napi::Env env, const std::vector<float>& values) {
  Napi::Float32Array array = Napi::Float32Array::New(env, values.size());
  std::copy(values.begin(), values.end(), array.Data());
  return array;
}

Napi::Error toJavaScript(Napi::Env env, const std::exception& error) {
  Napi::Error result = Napi::Error::New(env, error.what());
  if (const auto* const argument = dynamic_cast<const ArgumentError*>(&error)) {
    result.Set("expected", Napi::String::New(env, argument->expected));
    result.Set("at", Napi::String::New(env, argument->at));
    result.Set("got", Napi::String::New(env, argument->got));
  }
  return result;
}

}  // namespace loratwin::bind
