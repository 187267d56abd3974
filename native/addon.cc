#include <napi.h>

#include "src/bind/bind.h"

namespace {

Napi::Object registerAll(Napi::Env env, Napi::Object exports) {
  loratwin::bind::registerRecords(env, exports);
  loratwin::bind::registerInfo(env, exports);
  loratwin::bind::registerRuntime(env, exports);
  loratwin::bind::registerDevice(env, exports);
  loratwin::bind::registerQueues(env, exports);
  loratwin::bind::registerWorlds(env, exports);
#if defined(LORATWIN_EMULATION)
  loratwin::bind::registerEmulation(env, exports);
#endif
  return exports;
}

}  // namespace

NODE_API_MODULE(loratwin, registerAll)
