import type { Catalog } from "../documents/catalog.ts";
import { CARDS } from "./cards.ts";
import { fromGeForce, fromRates, fromSteps, nominal, pci, specified } from "./figures.ts";
import { NVLINK } from "./nvlink.ts";
import { OTHERS } from "./others.ts";

/** The devices and links that loratwin knows, each figure with its source and its date. */
export const CATALOG: Catalog = {
  kind: "catalog",
  version: 1,
  devices: {
    cpu: {
      kind: "cpu",
      float32FlopsPerSecond: nominal(100e9),
      bfloat16FlopsPerSecond: nominal(100e9),
      memoryBytesPerSecond: nominal(15e9),
    },
    ...CARDS,
    ...NVLINK,
    ...OTHERS,
  },
  generations: {
    Ampere: { reference: "A100 SXM 80" },
    "Ampere GeForce": { reference: "RTX 3090", speed: fromGeForce(1.28) },
    Ada: { reference: "L40S" },
    "Ada GeForce": { reference: "RTX 4090", speed: fromGeForce(1.28) },
    "Blackwell GeForce": { reference: "RTX 5090", speed: fromGeForce(1.28) },
    Hopper: { reference: "H100 SXM" },
    Blackwell: { reference: "B200 SXM", float8Attention: fromRates(2) },
    "CDNA 3": { reference: "MI300X", speed: fromSteps(0.77) },
    "CDNA 4": { reference: "MI350X", speed: fromSteps(0.94) },
    "Gaudi 2": { reference: "Gaudi 2" },
    "Gaudi 3": { reference: "Gaudi 3" },
  },
  links: {
    host: {},
    pcie3x16: { bandwidthBytesPerSecond: pci(15.754e9) },
    pcie4x16: { bandwidthBytesPerSecond: pci(31.508e9) },
    pcie5x16: { bandwidthBytesPerSecond: pci(63.015e9) },
    nvlink3: { bandwidthBytesPerSecond: specified(300e9) },
    nvlink4: { bandwidthBytesPerSecond: specified(450e9) },
    nvlink5: { bandwidthBytesPerSecond: specified(900e9) },
  },
};
