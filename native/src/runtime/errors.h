// The two kinds of errors of the runtime. TypeScript makes a DeviceError of both.
#pragma once

#include <stdexcept>
#include <string>

namespace loratwin {

// A call from JavaScript that is wrong: "Expected <expected> at <at>, got <got>."
struct ArgumentError : std::invalid_argument {
  ArgumentError(std::string expectedText, std::string atText, std::string gotText)
      : std::invalid_argument("Expected " + expectedText + " at " + atText + ", got " + gotText),
        expected(std::move(expectedText)),
        at(std::move(atText)),
        got(std::move(gotText)) {}
  std::string expected;
  std::string at;
  std::string got;
};

// An operator of a task failed while running; `step` names the operator, what() holds reason, arguments and shapes.
struct StepError : std::runtime_error {
  StepError(std::string stepText, const std::string& message)
      : std::runtime_error(message), step(std::move(stepText)) {}
  std::string step;
};

// A fault that was asked for: the stream's thread ends and tells nobody.
struct ThreadEnds {};

// Not an error: the stream was told to stop in the middle of a task.
struct Stopped {};

}  // namespace loratwin
