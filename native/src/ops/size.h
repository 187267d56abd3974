// Sizes that cannot wrap: a sum or a product that does not fit stays at the largest value, which lies within no memory.
#pragma once

#include <cstddef>
#include <limits>

namespace loratwin::ops {

class Size {
 public:
  constexpr Size(std::size_t value) : value_(value) {}  // NOLINT: numbers are sizes

  constexpr std::size_t value() const { return value_; }
  // A multiple of `step`, at least as large.
  constexpr Size roundedUp(std::size_t step) const {
    const Size more = *this + (step - 1);
    return more.isTooLarge() ? more : Size(more.value_ / step * step);
  }
  constexpr bool isTooLarge() const { return value_ == kMost; }

  friend constexpr Size operator+(Size a, Size b) {
    std::size_t sum = 0;
    return __builtin_add_overflow(a.value_, b.value_, &sum) ? kMost : sum;
  }
  // What is too large times 0 is 0: no bytes are needed.
  friend constexpr Size operator*(Size a, Size b) {
    std::size_t product = 0;
    return __builtin_mul_overflow(a.value_, b.value_, &product) ? kMost : product;
  }

 private:
  static constexpr std::size_t kMost = std::numeric_limits<std::size_t>::max();
  std::size_t value_;
};

}  // namespace loratwin::ops
