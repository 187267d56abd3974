import { blank, type FieldTable, owner, under } from "./check-fields.ts";
import { above, is, matches, same, that, whole, within } from "./checks.ts";

/** A figure of the catalog with where it comes from. */
function sourced(name: string, value: FieldTable[string]): FieldTable {
  return {
    [`${name}.value`]: value,
    [`${name}.source`]: matches(/^.{10,}$/),
    [`${name}.date`]: matches(/^20\d\d-(0[1-9]|1[0-2])(-\d\d)?$/),
  };
}

/** A price, which may be between two. */
function priced(name: string, most: number): FieldTable {
  const { [`${name}.value`]: _value, ...facts } = sourced(name, above(0));
  return {
    ...facts,
    [`${name}.low`]: above(0, most),
    [`${name}.high`]: that(
      "at least the low one",
      (value: number, place) => value >= owner<{ readonly low: number }>(place).low,
    ),
  };
}

function efficiencyFields(dtype: string): FieldTable {
  return under(`layerEfficiency.${dtype}.`, {
    ...sourced("activationBytes", above(0, 1e3)),
    ...sourced("computeEfficiency", above(0, 1)),
    ...sourced("headBytes", above(0, 1e4)),
    ...sourced("launchSeconds", above(0, 0.1)),
    ...sourced("meanError", above(0, 1)),
    ...(dtype === "bfloat16" ? sourced("adapterBytes", above(0, 1e2)) : sourced("scoreBytes", above(0, 1e3))),
  });
}

/** Figures of kernels, with what they were fitted to. */
function kernelFields(): FieldTable {
  const fitted = {
    times: whole(10, 1e6),
    medianError: within(0.001, 0.2),
    p90Error: within(0.01, 0.5),
    source: matches(/^.{10,}$/),
    date: matches(/^20\d\d-(0[1-9]|1[0-2])$/),
  };
  const protocol = { seconds: within(1e-6, 1e-4), bytesPerSecond: within(1e10, 1e12) };
  const lowLatency = { ...protocol, roundSeconds: within(1e-7, 1e-5) };
  return {
    ...under("products.", fitted),
    "products.computeShare": within(0.4, 1),
    "products.squareTile": within(0.8, 1.2),
    "products.memoryShare": within(0.5, 1),
    "products.seconds": within(1e-6, 1e-5),
    "products.powerLoss": within(0, 0.4),
    ...under("attention.", fitted),
    ...under("attention.computeShares.", { "64": within(0.2, 0.8), "128": within(0.2, 0.8), "256": within(0.2, 0.8) }),
    "attention.halfSpeedTokens": within(100, 5000),
    "attention.emptyWave": within(0, 1),
    "attention.seconds": within(1e-6, 1e-4),
    ...under("collectives.", { ...fitted, ...under("lowLatency.", lowLatency), ...under("highBandwidth.", protocol) }),
  };
}

export function catalogFields(): FieldTable {
  return {
    kind: is("catalog"),
    version: is(1),
    ...under("devices.*.", {
      kind: same(({ steps }) => (steps.at(-1) === "cpu" ? "cpu" : "cuda")),
      generation: matches(/^[A-Z][A-Za-z]+( \d| GeForce)?$/),
      simulatedOnly: same(({ steps }) => (/^(MI|Gaudi)/.test(String(steps.at(-1))) ? true : undefined)),
      ...sourced("bfloat16FlopsPerSecond", within(1e10, 1e16)),
      ...sourced("float8FlopsPerSecond", within(1e14, 1e16)),
      ...sourced("float4FlopsPerSecond", within(1e15, 1e17)),
      ...sourced("scaleUpDevices", whole(2, 1024)),
      ...sourced("multiprocessors", whole(16, 1024)),
      ...sourced("memoryBoundSpeed", within(1, 3)),
      ...under("kernels.", kernelFields()),
      ...sourced("networkBytesPerSecond", within(1e9, 1e12)),
      ...sourced("float32FlopsPerSecond", within(1e10, 1e15)),
      ...sourced("memoryBytes", whole(2 ** 33, 2 ** 39)),
      ...sourced("memoryBytesPerSecond", within(1e9, 1e14)),
      ...sourced("hostLinkBytesPerSecond", within(1e10, 1e12)),
      ...sourced("watts", within(50, 2000)),
      "deviceLink.name": matches(/^(NVLink\d|Infinity Fabric|RoCE)/),
      ...under("deviceLink.", sourced("bytesPerSecond", within(1e10, 1e12))),
      ...priced("price", 1e5),
      ...priced("cloudOnDemandPerHour", 100),
      ...sourced("cloudSpotPerHour", above(0, 100)),
      ...efficiencyFields("bfloat16"),
      ...efficiencyFields("float32"),
    }),
    "generations.*.reference": matches(/^[A-Z]/),
    ...under("generations.*.", sourced("speed", within(0.5, 2))),
    ...under("generations.*.", sourced("float8Attention", within(1, 3))),
    ...under("links.*.", sourced("bandwidthBytesPerSecond", within(1e8, 1e12))),
    "links.host": blank("memory's own rate, which a calibration measures", is({})),
  };
}
