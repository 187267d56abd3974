#include "bind/records.h"

#include "bind/bind.h"

namespace loratwin::bind {

namespace {

template <class... Records>
Napi::Object fieldsOf(Napi::Env env) {
  Napi::Object result = Napi::Object::New(env);
  (result.Set(Records::name, Records::fields), ...);
  return result;
}

}  // namespace

void registerRecords(Napi::Env env, Napi::Object exports) {
  using namespace record;
  exports.Set("records", fieldsOf<Run, Segment, LossPart, CachedRows, Preference, SumSquares, UpdateItem, AdapterEntry,
                                  Times, Memory, Graphs, SpeedSample, ProductChoice>(env));
}

}  // namespace loratwin::bind
