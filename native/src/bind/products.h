// The ways of products: {name, rows: record::ProductChoice, algorithms: a text of hexadecimal digits for each row}.
#pragma once

#include <napi.h>

#include "runtime/device.h"

namespace loratwin::bind {

ProductLibrary productLibrary(const Napi::Value& value);
Napi::Object toJavaScript(Napi::Env env, const ProductLibrary& library);

}  // namespace loratwin::bind
