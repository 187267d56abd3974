// Rows of a Float64Array.
#pragma once

#include <napi.h>

#include <vector>

#include "bind/rows.h"
#include "bind/values.h"

namespace loratwin::bind {

// Throws ArgumentError unless the value is a Float64Array.
inline Numbers numbers(const Napi::Value& value, const char* at) {
  const DoubleView packed = doubles(value, at);
  return {packed.data, packed.count, at};
}

template <class Record>
std::vector<Row<Record>> rows(const Napi::Value& value, const char* at) {
  return rows<Record>(numbers(value, at));
}

template <class Record>
Napi::Value packed(Napi::Env env, const std::vector<Row<Record>>& rows) {
  Napi::Float64Array array = Napi::Float64Array::New(env, rows.size() * Record::kWidth);
  double* next = array.Data();
  for (const Row<Record>& each : rows) next = std::copy(each.begin(), each.end(), next);
  return array;
}

}  // namespace loratwin::bind
