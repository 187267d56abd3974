// Calls of the addon as recorder.cjs wrote them down.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace loratwin::test {

struct Value {
  enum class Kind { nothing, flag, number, text, floats, doubles, integers, bits, list, object, runtime, device };
  Kind kind = Kind::nothing;
  // A number, a flag as 0 or 1, or a handle's index.
  double number = 0;
  std::string text;
  std::vector<std::byte> bytes;
  std::vector<Value> items;
  std::vector<std::pair<std::string, Value>> fields;
};

struct Call {
  std::string name;
  std::vector<Value> arguments;
};

// Throws std::runtime_error for a line that recorder.cjs would not write.
std::vector<Call> readRecording(const std::string& path);

}  // namespace loratwin::test
