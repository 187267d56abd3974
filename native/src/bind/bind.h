// What addon.cc registers: the names of the records, and functions over two kinds of opaque handles, a runtime's and a
// device's.
#pragma once

#include <napi.h>

namespace loratwin::bind {

void registerRecords(Napi::Env env, Napi::Object exports);
void registerInfo(Napi::Env env, Napi::Object exports);
void registerRuntime(Napi::Env env, Napi::Object exports);
void registerDevice(Napi::Env env, Napi::Object exports);
void registerQueues(Napi::Env env, Napi::Object exports);
void registerEmulation(Napi::Env env, Napi::Object exports);  // of addons over the emulation

}  // namespace loratwin::bind
