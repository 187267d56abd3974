// What addon.cc registers: the names of the records, and functions over opaque handles: of runtimes, devices, the
// ranks of a run, and channels between them.
#pragma once

#include <napi.h>

namespace loratwin::bind {

void registerRecords(Napi::Env env, Napi::Object exports);
void registerInfo(Napi::Env env, Napi::Object exports);
void registerRuntime(Napi::Env env, Napi::Object exports);
void registerDevice(Napi::Env env, Napi::Object exports);
void registerQueues(Napi::Env env, Napi::Object exports);
void registerWorlds(Napi::Env env, Napi::Object exports);
void registerEmulation(Napi::Env env, Napi::Object exports);  // of addons over the emulation

}  // namespace loratwin::bind
