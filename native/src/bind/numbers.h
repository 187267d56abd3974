// Numbers of JavaScript's as whole ones.
#pragma once

#include <cstdint>
#include <string>

namespace loratwin::bind {

// Throws ArgumentError unless the number is a whole one within `least` and `most`.
std::int64_t within(double value, std::int64_t least, std::int64_t most, const std::string& at);
// As JavaScript would write it.
std::string shown(double value);

}  // namespace loratwin::bind
