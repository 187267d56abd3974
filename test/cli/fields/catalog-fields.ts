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
    ...sourced("scoreBytes", above(0, 1e3)),
  });
}

export function catalogFields(): FieldTable {
  return {
    kind: is("catalog"),
    version: is(1),
    ...under("devices.*.", {
      kind: same(({ steps }) => (steps.at(-1) === "cpu" ? "cpu" : "cuda")),
      generation: matches(/^[A-Z][A-Za-z]+( \d)?$/),
      simulatedOnly: same(({ steps }) => (/^(MI|Gaudi)/.test(String(steps.at(-1))) ? true : undefined)),
      ...sourced("bfloat16FlopsPerSecond", within(1e10, 1e16)),
      ...sourced("float8FlopsPerSecond", within(1e14, 1e16)),
      ...sourced("float4FlopsPerSecond", within(1e15, 1e17)),
      ...sourced("scaleUpDevices", whole(2, 1024)),
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
    ...under("links.*.", sourced("bandwidthBytesPerSecond", within(1e8, 1e12))),
    "links.host": blank("memory's own rate, which a calibration measures", is({})),
  };
}
