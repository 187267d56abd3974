import { describe, expect, it } from "vitest";
import { devicesNamed } from "../../../plan/documents/catalog-names.ts";
import { UNFUSED_PROJECTIONS } from "../../../plan/documents/projections.ts";
import {
  CATALOG,
  clusterFromList,
  clusterSchema,
  jobSchema,
  parseDocument,
  parseWorkload,
} from "../../../plan/index.ts";

const JOB = { name: "a", data: { lengths: 8 }, batchSize: 1, steps: 1 };

function workload(model: string, adapter: string): ReturnType<typeof parseWorkload> {
  const text = `kind: workload\nversion: 1\nmodel: ${model}\njobs: [${JSON.stringify({ ...JOB, adapter: "?" }).replace('"?"', adapter)}]\n`;
  return parseWorkload(text, "w.yaml");
}

describe("words that people write become ours at the door", () => {
  it.each([
    ["all-linear", [...UNFUSED_PROJECTIONS]],
    ["v_proj", ["v_proj"]],
    ["[v_proj, q_proj]", ["v_proj", "q_proj"]],
  ])("targets: %s", (written, targets) => {
    expect(workload("{ architecture: llama-2-7b }", `{ targets: ${written} }`).jobs[0]!.adapter.targets).toEqual(
      targets,
    );
  });

  it.each([
    ["bf16", "bfloat16"],
    ["fp32", "float32"],
    ["float", "float32"],
    ["nf4", "nf4"],
  ])("dtype: %s", (written, dtype) => {
    expect(workload(`{ architecture: llama-2-7b, dtype: ${written} }`, "{}").model.dtype).toBe(dtype);
  });

  it.each([
    ["8bit", /int8 keeps weights in 8 bits/],
    ["INT4", /nf4 keeps weights in 4 bits/],
    ["half", /There is no float16/],
    ["bfloat", /Did you mean bfloat16\?/],
  ])("dtype %s leaves something open, and is refused with the word for it", (written, says) => {
    expect(() => workload(`{ architecture: llama-2-7b, dtype: ${written} }`, "{}")).toThrow(says);
  });

  it("a parsed job is parsed to itself again", () => {
    const { jobs } = workload("{ architecture: llama-2-7b }", "{ targets: all-linear }");
    expect(jobSchema.parse(jobs[0])).toEqual(jobs[0]);
  });
});

function device(memory: string, rate = "1"): { readonly memoryBytes?: number; readonly memoryBytesPerSecond?: number } {
  const text = `kind: cluster\nversion: 1\nmachines: [{ name: m, devices: [{ name: a, memoryBytes: ${memory}, memoryBytesPerSecond: ${rate} }] }]\n`;
  return parseDocument(clusterSchema, text, "c.yaml").machines[0]!.devices[0]! as ReturnType<typeof device>;
}

describe("bytes have units as GNU coreutils have them", () => {
  it.each([
    ["8589934592", 2 ** 33],
    ["8 GiB", 2 ** 33],
    ["8G", 2 ** 33],
    ["80GB", 80e9],
    ["80 gb", 80e9],
    ["1.5 TiB", 1.5 * 2 ** 40],
    ["512 B", 512],
  ])("%s", (written, bytes) => {
    expect(device(written).memoryBytes).toBe(bytes);
  });

  it("and rates a second behind them, in bytes alone", () => {
    expect(device("1", "900 GB/s").memoryBytesPerSecond).toBe(900e9);
    for (const wrong of ["100 Gb/s", "900 GB", "-1 GB/s"]) expect(() => device("1", wrong)).toThrow(/25 GB\/s/);
  });

  it.each(["640 Gbit", "0", "-8 GB", "8 XB", "GB", "[]"])("%s is refused", (written) => {
    expect(() => device(written)).toThrow(/^.*c\.yaml:3:\d+: Expected .*memoryBytes, got/);
  });
});

describe("devices of the catalog by names that people and drivers have for them", () => {
  it.each([
    ["H100 SXM", ["H100 SXM"]],
    ["h100-sxm", ["H100 SXM"]],
    ["H100SXM", ["H100 SXM"]],
    ["NVIDIA A100-SXM4-80GB", ["A100 SXM 80"]],
    ["NVIDIA GeForce RTX 4090", ["RTX 4090"]],
    ["4090", ["RTX 4090"]],
    ["L4 24GB", ["L4"]],
    ["A10", ["A10"]],
    ["B200", ["B200 SXM"]],
    ["H100", ["H100 PCIe", "H100 SXM"]],
    ["A100 40GB", ["A100 PCIe 40", "A100 SXM 40"]],
    ["H100 NVL", []],
    ["RTX 9999", []],
    ["", []],
    ["nvidia", []],
    ["__proto__", []],
  ])("%s", (given, names) => {
    expect(devicesNamed(CATALOG, given)).toEqual(names);
  });

  it("make a list of devices elsewhere, joined by the link that as many have", () => {
    const { machines } = clusterFromList("h100 sxm*2, H100-SXM", CATALOG);
    expect(machines).toMatchObject([{ name: "gpus", link: { type: "NVLink4", bandwidthBytesPerSecond: 450e9 } }]);
    expect(machines[0]!.devices).toEqual([0, 1, 2].map((i) => ({ name: `gpu:${i}`, type: "H100 SXM" })));
    expect(clusterFromList("4090*2", CATALOG).machines[0]).not.toHaveProperty("link");
    expect(clusterFromList("UNIT*2", CATALOG)).toEqual(clusterFromList("unit*2"));
  });

  it.each(["H100*2", "H100 SXM*9999", "H100 SXM,cpu:0", "cpu0", "tpu:0", "*4", "", "H100 SXM*0x4"])(
    "%s is refused",
    (list) => {
      expect(() => clusterFromList(list, CATALOG)).toThrow(/^Expected .* at --devices, got/);
    },
  );
});
