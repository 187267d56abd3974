#include "replay/recording.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace loratwin::test {

namespace {

std::string decoded(const std::string& text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); i++) {
    const bool isEscaped = text[i] == '%';
    result.push_back(isEscaped ? static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16)) : text[i]);
    if (isEscaped) i += 2;
  }
  return result;
}

std::vector<std::byte> bytesOf(const std::string& digits) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::vector<std::byte> result(digits.size() / 2);
  for (std::size_t i = 0; i < result.size(); i++) {
    result[i] = static_cast<std::byte>(digit(digits[2 * i]) * 16 + digit(digits[2 * i + 1]));
  }
  return result;
}

Value::Kind arrayKind(char letter) {
  switch (letter) {
    case 'f':
      return Value::Kind::floats;
    case 'd':
      return Value::Kind::doubles;
    case 'i':
      return Value::Kind::integers;
    default:
      return Value::Kind::bits;
  }
}

Value read(std::istream& line, const std::string& token);

Value readList(std::istream& line) {
  Value result;
  result.kind = Value::Kind::list;
  for (std::string next; line >> next && next != "]";) result.items.push_back(read(line, next));
  return result;
}

Value readObject(std::istream& line) {
  Value result;
  result.kind = Value::Kind::object;
  for (std::string key; line >> key && key != "}";) {
    std::string next;
    line >> next;
    result.fields.emplace_back(decoded(key), read(line, next));
  }
  return result;
}

Value read(std::istream& line, const std::string& token) {
  if (token == "[") return readList(line);
  if (token == "{") return readObject(line);
  Value result;
  const std::string rest = token.substr(1);
  if (token.size() > 1 && token[1] == ':') {
    result.kind = arrayKind(token[0]);
    result.bytes = bytesOf(token.substr(2));
  } else if (token == "t" || token == "f") {
    result.kind = Value::Kind::flag;
    result.number = token == "t" ? 1 : 0;
  } else if (token[0] == 'n') {
    result.kind = Value::Kind::number;
    result.number = std::strtod(rest.c_str(), nullptr);
  } else if (token[0] == 's') {
    result.kind = Value::Kind::text;
    result.text = decoded(rest);
  } else if (token[0] == 'R' || token[0] == 'D') {
    result.kind = token[0] == 'R' ? Value::Kind::runtime : Value::Kind::device;
    result.number = std::stoi(rest);
  } else if (token != "u") {
    throw std::runtime_error("a recording cannot have " + token);
  }
  return result;
}

}  // namespace

std::vector<Call> readRecording(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("no recording at " + path);
  std::vector<Call> result;
  for (std::string text; std::getline(file, text);) {
    std::istringstream line(text);
    Call call;
    line >> call.name;
    std::string token;
    // A handle comes first; they are counted in order anyway.
    if (call.name[0] == 'R' || call.name[0] == 'D') line >> token >> call.name;
    while (line >> token) call.arguments.push_back(read(line, token));
    result.push_back(std::move(call));
  }
  return result;
}

}  // namespace loratwin::test
