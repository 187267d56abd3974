#include "bind/values.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/errors.h"

namespace loratwin::bind {

namespace {

constexpr double kMostWhole = 9007199254740991.0;
constexpr std::size_t kMaxText = 1U << 16;
constexpr std::size_t kShownText = 100;
// Far more than any program or operator has.
constexpr std::uint32_t kMaxOperators = 1U << 20;
constexpr std::uint32_t kMaxFields = 64;
// Elements that are certain to find room.
constexpr std::size_t kSmallArray = 1U << 20;

template <class Array>
Array typedArray(const Napi::Value& value, napi_typedarray_type type, const char* expected, const char* at) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) {
    throw ArgumentError(expected, at, shown(value));
  }
  return value.As<Array>();
}

Tensor tensor(const Napi::Object& object, const std::string& at) {
  const std::string name = text(object.Get("space"), (at + ".space").c_str());
  Tensor result;
  int space = 0;
  while (space < kSpaces && name != spaceName(static_cast<Space>(space))) space++;
  if (space == kSpaces) throw ArgumentError("stash, work, in or out", at + ".space", name);
  result.space = static_cast<Space>(space);
  result.offset = size(object.Get("offset"), (at + ".offset").c_str());
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

namespace {

double number(const Napi::Value& value, const char* at) {
  if (!value.IsNumber()) throw ArgumentError("a whole number", at, shown(value));
  return value.As<Napi::Number>().DoubleValue();
}

constexpr auto kMost = static_cast<std::int64_t>(kMostWhole);

}  // namespace

std::int64_t whole(const Napi::Value& value, const char* at) { return within(number(value, at), -kMost, kMost, at); }

std::int32_t whole32(const Napi::Value& value, const char* at) {
  return static_cast<std::int32_t>(within(number(value, at), 0, std::numeric_limits<std::int32_t>::max(), at));
}

std::size_t size(const Napi::Value& value, const char* at) {
  return static_cast<std::size_t>(within(number(value, at), 0, kMost, at));
}

bool flag(const Napi::Value& value, const char* at) {
  if (!value.IsBoolean()) throw ArgumentError("true or false", at, shown(value));
  return value.As<Napi::Boolean>().Value();
}

Napi::Object object(const Napi::Value& value, const char* at) {
  if (!value.IsObject()) throw ArgumentError("an object", at, shown(value));
  return value.As<Napi::Object>();
}

Napi::Array list(const Napi::Value& value, const char* at, std::uint32_t most) {
  if (!value.IsArray()) throw ArgumentError("an array", at, shown(value));
  const auto array = value.As<Napi::Array>();
  if (array.Length() > most) {
    throw ArgumentError("at most " + std::to_string(most) + " items", at, std::to_string(array.Length()));
  }
  return array;
}

std::vector<std::int64_t> wholeNumbers(const Napi::Value& value, const char* at) {
  const Napi::Array array = list(value, at, kMaxItems);
  // An array may have become another length when an item has been looked at, and have fewer items than its length.
  const std::uint32_t count = array.Length();
  std::vector<std::int64_t> result;
  for (std::uint32_t i = 0; i < count; i++) result.push_back(whole(array.Get(i), at));
  return result;
}

std::string text(const Napi::Value& value, const char* at) {
  if (!value.IsString()) throw ArgumentError("a text", at, shown(value));
  std::size_t bytes = 0;
  napi_get_value_string_utf8(value.Env(), value, nullptr, 0, &bytes);
  if (bytes > kMaxText) {
    throw ArgumentError("a text of at most " + std::to_string(kMaxText) + " bytes", at, std::to_string(bytes));
  }
  return value.As<Napi::String>().Utf8Value();
}

std::string shown(const Napi::Value& value) {
  switch (value.Type()) {
    case napi_undefined:
      return "nothing";
    case napi_null:
      return "null";
    case napi_boolean:
      return value.As<Napi::Boolean>().Value() ? "true" : "false";
    case napi_number:
      return shown(value.As<Napi::Number>().DoubleValue());
    case napi_string: {
      char start[kShownText + 1];
      std::size_t bytes = 0;
      napi_get_value_string_utf8(value.Env(), value, start, sizeof start, &bytes);
      return {start, bytes};
    }
    case napi_symbol:
      return "a symbol";
    case napi_function:
      return "a function";
    case napi_bigint:
      return "a bigint";
    case napi_external:
      return "a handle of another addon";
    default:
      return value.IsTypedArray() ? "a typed array" : value.IsArray() ? "an array" : "an object";
  }
}

ops::DType dtype(const Napi::Value& value, const char* at) {
  const std::string name = text(value, at);
  for (const ops::DType type : {ops::DType::float32, ops::DType::bfloat16}) {
    if (name == ops::dtypeName(type)) return type;
  }
  throw ArgumentError("float32 or bfloat16", at, name);
}

namespace {

enum class Lists { read, refused };

// body(name, value) for each property.
template <class Body>
void forProperties(const Napi::Object& from, const std::string& label, Body&& body) {
  const Napi::Array names = from.GetPropertyNames();
  const std::uint32_t count = names.Length();
  if (count > kMaxFields) {
    throw ArgumentError("at most " + std::to_string(kMaxFields) + " fields", label, std::to_string(count));
  }
  for (std::uint32_t i = 0; i < count; i++) {
    const std::string name = text(names.Get(i), label.c_str());
    body(name, from.Get(name));
  }
}

// A field of an operator; a list of objects becomes fields named "list[0].field".
void addField(RawOperator& raw, const std::string& name, const Napi::Value& field, const std::string& label,
              Lists lists) {
  const std::string at = label + "." + name;
  if (field.IsNumber()) {
    raw.fields[name] = field.As<Napi::Number>().DoubleValue();
  } else if (field.IsBoolean()) {
    raw.fields[name] = field.As<Napi::Boolean>().Value();
  } else if (field.IsArray() && lists == Lists::read) {
    const Napi::Array items = list(field, at.c_str(), kMaxFields);
    const std::uint32_t count = items.Length();
    for (std::uint32_t i = 0; i < count; i++) {
      const std::string item = name + "[" + std::to_string(i) + "]";
      forProperties(object(items.Get(i), (label + "." + item).c_str()), label,
                    [&](const std::string& part, const Napi::Value& value) {
                      addField(raw, item + "." + part, value, label, Lists::refused);
                    });
    }
  } else if (field.IsObject()) {
    raw.fields[name] = tensor(field.As<Napi::Object>(), at);
  } else {
    raw.fields[name] = text(field, at.c_str());
  }
}

}  // namespace

std::vector<RawOperator> operators(const Napi::Value& value) {
  const Napi::Array array = list(value, "operators", kMaxOperators);
  const std::uint32_t count = array.Length();
  std::vector<RawOperator> result;
  for (std::uint32_t i = 0; i < count; i++) {
    const std::string at = "operators[" + std::to_string(i) + "]";
    const Napi::Object given = object(array.Get(i), at.c_str());
    RawOperator raw;
    raw.name = text(given.Get("op"), (at + ".op").c_str());
    const std::string label = at + " (" + raw.name.substr(0, kShownText) + ")";
    forProperties(given, label, [&](const std::string& name, const Napi::Value& field) {
      if (name != "op") addField(raw, name, field, label, Lists::read);
    });
    result.push_back(std::move(raw));
  }
  return result;
}

Napi::Value newFloats(Napi::Env env, std::size_t count) {
  if (count <= kSmallArray) return Napi::Float32Array::New(env, count);
  // Node-API's own way ends the process where there is no memory; JavaScript's throws.
  const auto make = env.Global().Get("Float32Array").As<Napi::Function>();
  const Napi::Value made = make.New({Napi::Number::New(env, static_cast<double>(count))});
  if (floats(made, "Float32Array").count != count) throw ArgumentError("JavaScript's own", "Float32Array", shown(made));
  return made;
}

Napi::Value doubleArray(Napi::Env env, const std::vector<double>& values) {
  Napi::Float64Array array = Napi::Float64Array::New(env, values.size());
  std::copy(values.begin(), values.end(), array.Data());
  return array;
}

Napi::Value floatArray(Napi::Env env, const std::vector<float>& values) {
  const Napi::Value array = newFloats(env, values.size());
  std::copy(values.begin(), values.end(), array.As<Napi::Float32Array>().Data());
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
