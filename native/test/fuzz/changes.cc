#include "fuzz/changes.h"

#include <cmath>
#include <cstring>
#include <limits>

namespace loratwin::test {

namespace {

constexpr double kNumbers[] = {0,
                               1,
                               -1,
                               2,
                               3,
                               4,
                               15,
                               16,
                               17,
                               63,
                               64,
                               65,
                               128,
                               255,
                               256,
                               1024,
                               4096,
                               65535,
                               65536,
                               1e6,
                               0.5,
                               -0.5,
                               1e-300,
                               1e300,
                               2147483583.0,
                               2147483647.0,
                               2147483648.0,
                               4294967295.0,
                               4294967296.0,
                               4294967360.0,
                               1099511627776.0,
                               1125899906842624.0,
                               9007199254740991.0,
                               9007199254740992.0,
                               18446744073709551616.0,
                               -2147483648.0,
                               -9223372036854775808.0};
constexpr std::size_t kNumberCount = sizeof kNumbers / sizeof *kNumbers;

double number(std::uint32_t how, double before) {
  switch (how % (kNumberCount + 7)) {
    case kNumberCount:
      return std::numeric_limits<double>::quiet_NaN();
    case kNumberCount + 1:
      return std::numeric_limits<double>::infinity();
    case kNumberCount + 2:
      return before + 1;
    case kNumberCount + 3:
      return before - 1;
    case kNumberCount + 4:
      return before * 2;
    case kNumberCount + 5:
      return -before;
    case kNumberCount + 6:
      return before + 64;
    default:
      return kNumbers[how % (kNumberCount + 7)];
  }
}

template <class Element>
void changeElement(std::vector<std::byte>& bytes, std::uint32_t how, std::uint32_t index) {
  const std::size_t count = bytes.size() / sizeof(Element);
  if (count == 0) return;
  std::byte* const place = bytes.data() + index % count * sizeof(Element);
  Element element;
  std::memcpy(&element, place, sizeof element);
  const double wanted = number(how, static_cast<double>(element));
  const bool fits =
      std::is_floating_point_v<Element> || (wanted >= static_cast<double>(std::numeric_limits<Element>::lowest()) &&
                                            wanted <= static_cast<double>(std::numeric_limits<Element>::max()));
  if (std::is_same_v<Element, float> && std::fabs(wanted) > 3e38) {
    element = std::numeric_limits<Element>::infinity();
  } else if (fits) {
    element = static_cast<Element>(wanted);
  }
  std::memcpy(place, &element, sizeof element);
}

void changeArray(Value& value, std::uint32_t how, std::uint32_t index) {
  // One in eight changes the length.
  if (how % 8 == 0) {
    const std::size_t width = value.kind == Value::Kind::doubles ? 8 : value.kind == Value::Kind::bits ? 2 : 4;
    value.bytes.resize(how % 16 == 0 ? value.bytes.size() + width * (index % 9)
                                     : index % (value.bytes.size() + 1) / width * width);
    return;
  }
  if (value.kind == Value::Kind::doubles) changeElement<double>(value.bytes, how / 8, index);
  if (value.kind == Value::Kind::integers) changeElement<std::int32_t>(value.bytes, how / 8, index);
  if (value.kind == Value::Kind::floats) changeElement<float>(value.bytes, how / 8, index);
}

void change(Value& value, std::uint32_t how, std::uint32_t index) {
  using Kind = Value::Kind;
  switch (value.kind) {
    case Kind::number:
      value.number = number(how, value.number);
      return;
    case Kind::flag:
      value.number = 1 - value.number;
      return;
    case Kind::text:
      value.text = how % 3 == 0 ? "" : how % 3 == 1 ? "bfloat16" : value.text + "x";
      return;
    case Kind::list:
      if (value.items.empty()) {
        value.items.emplace_back();
        value.items.back().kind = Kind::number;
        value.items.back().number = number(how, 0);
      } else if (how % 2 == 0) {
        value.items.erase(value.items.begin() + static_cast<std::ptrdiff_t>(index % value.items.size()));
      } else {
        value.items.push_back(value.items[index % value.items.size()]);
      }
      return;
    case Kind::object:
      if (!value.fields.empty())
        value.fields.erase(value.fields.begin() + static_cast<std::ptrdiff_t>(index % value.fields.size()));
      return;
    case Kind::nothing:
      value.kind = Kind::number;
      value.number = number(how, 0);
      return;
    case Kind::runtime:
    case Kind::device:
      value.number = index % 3;
      return;
    default:
      changeArray(value, how, index);
  }
}

void collect(Value& value, std::vector<Value*>& all) {
  all.push_back(&value);
  for (Value& item : value.items) collect(item, all);
  for (auto& [name, field] : value.fields) collect(field, all);
}

}  // namespace

Change randomChange(std::mt19937_64& random, std::size_t calls) {
  const auto any = [&] { return static_cast<std::uint32_t>(random()); };
  return {static_cast<std::uint32_t>(random() % calls), any(), any(), any() % 4096};
}

std::vector<Call> changed(const Call& call, std::uint32_t index, const Input& input) {
  std::vector<Call> result{call};
  for (const Change& each : input) {
    if (each.call != index || result.empty()) continue;
    std::vector<Value*> values;
    for (Value& argument : result.front().arguments) collect(argument, values);
    const std::size_t place = each.place % (values.size() + 1);
    if (place > 0) {
      change(*values[place - 1], each.how, each.index);
    } else if (each.how % 2 == 0) {
      result.clear();
    } else {
      result.push_back(result.front());
    }
  }
  return result;
}

}  // namespace loratwin::test
