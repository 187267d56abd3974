#include "bind/numbers.h"

#include <charconv>
#include <cmath>

#include "runtime/errors.h"

namespace loratwin::bind {

std::int64_t within(double value, std::int64_t least, std::int64_t most, const std::string& at) {
  // Not a number is neither.
  if (value >= static_cast<double>(least) && value <= static_cast<double>(most) && value == std::floor(value)) {
    return static_cast<std::int64_t>(value);
  }
  throw ArgumentError("a whole number from " + std::to_string(least) + " to " + std::to_string(most), at, shown(value));
}

std::string shown(double value) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  return {digits, end};
}

}  // namespace loratwin::bind
