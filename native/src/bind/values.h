// From JavaScript values to plain structs and back. No math.
#pragma once

#include <napi.h>

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/program.h"

namespace loratwin::bind {

// A typed array's contents, JavaScript's own until the call returns; throws ArgumentError when the value is something
// else.
template <class Element>
struct View {
  const Element* data;
  std::size_t count;
};
using FloatView = View<float>;
using DoubleView = View<double>;
FloatView floats(const Napi::Value& value, const char* at);
DoubleView doubles(const Napi::Value& value, const char* at);
// Empty for undefined.
std::vector<std::int32_t> integers(const Napi::Value& value, const char* at);
std::vector<std::int64_t> wholeNumbers(const Napi::Value& value, const char* at);

std::int64_t whole(const Napi::Value& value, const char* at);
std::int32_t whole32(const Napi::Value& value, const char* at);
std::string text(const Napi::Value& value);
// "float32" or "bfloat16"
ops::DType dtype(const Napi::Value& value, const char* at);
std::vector<RawOperator> operators(const Napi::Value& value);
Napi::Value doubleArray(Napi::Env env, const std::vector<double>& values);
Napi::Value floatArray(Napi::Env env, const std::vector<float>& values);

// Runs `body` and turns what it throws into a JavaScript error; ArgumentError keeps its parts as properties.
template <class Body>
Napi::Value guarded(Napi::Env env, Body&& body);
Napi::Error toJavaScript(Napi::Env env, const std::exception& error);

template <class Body>
Napi::Value guarded(Napi::Env env, Body&& body) {
  try {
    return body();
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw toJavaScript(env, error);
  }
}

}  // namespace loratwin::bind
