// From JavaScript values to plain structs and back. No math. A value that is wrong is an ArgumentError. Looking at an
// object may run code of whoever made it, which may call the addon: what a call needs is taken out of its objects
// first, and devices and adapters are looked up afterwards.
#pragma once

#include <napi.h>

#include <cstdint>
#include <string>
#include <vector>

#include "bind/numbers.h"
#include "runtime/program.h"

namespace loratwin::bind {

// A typed array's contents, JavaScript's own until the call returns or looks at another object.
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
// From 0 to 2^31 - 1.
std::int32_t whole32(const Napi::Value& value, const char* at);
// From 0 to 2^53 - 1: a number of bytes or elements, or a place among them.
std::size_t size(const Napi::Value& value, const char* at);
bool flag(const Napi::Value& value, const char* at);
Napi::Object object(const Napi::Value& value, const char* at);
Napi::Array list(const Napi::Value& value, const char* at, std::uint32_t most);
std::string text(const Napi::Value& value, const char* at);
// What an error says of a value; runs no code of JavaScript's.
std::string shown(const Napi::Value& value);

// Longest list of events, norm cells or cores.
constexpr std::uint32_t kMaxItems = 1U << 24;

// "float32" or "bfloat16"
ops::DType dtype(const Napi::Value& value, const char* at);
std::vector<RawOperator> operators(const Napi::Value& value);
// A Float32Array of zeros; throws JavaScript's RangeError where there is no memory.
Napi::Value newFloats(Napi::Env env, std::size_t count);
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
