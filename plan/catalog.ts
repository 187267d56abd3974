import type { Catalog, CatalogDevice } from "./documents/catalog.ts";

type Price = NonNullable<CatalogDevice["price"]>;
type Figure = NonNullable<CatalogDevice["watts"]>;

/** When all figures were taken down. */
const DATE = "2026-11";
const GIB = 2 ** 30;

function figure(value: number, source: string): Figure {
  return { value, source, date: DATE };
}

function price(low: number, high: number, source: string): Price {
  return { low, high, source, date: DATE };
}

/** Figures of one source. */
function from(source: string): (value: number) => Figure {
  return (value) => figure(value, source);
}

const ON_DEMAND = "cloud price listings, on demand";
const VTRAIN =
  "fitted on the iteration times of 8 GPUs that vTrain (MICRO 2024) publishes: full GPT training in fp16 with " +
  "recomputation; a predictor's output over measured layers";

const specified = from("public specification page");
const fromTools = from("published source code of training tools (peak tables of torchtitan, llm-analysis)");
const recalled = from("from memory, not checked");
const nominal = from("nominal figure of one core with AVX2, an assumption; `loratwin calibrate` measures the real one");
const spot = from("cloud price listings, spot");
const pci = from("PCI-SIG rate per lane, 16 lanes, one direction");
const fromPaper = from(
  "fitted on three cells of the paper's evaluation (PVLDB 18(6), figure 7), fp32; see loratwin paper",
);
const fromLoraFusion = from(
  "fitted on published times of LoRA decoder layers of 8B, 32B and 70B models (LoRAFusion, EuroSys 2026), bfloat16, " +
    "fused LoRA kernels",
);
const fromVTrain = from(VTRAIN);

/** The memory of a card whose maker says GB and means GiB. */
function cardMemory(gib: number): Figure {
  return figure(gib * GIB, "public specification page; the GB of a card are 2^30 bytes");
}

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
    "RTX 3090": {
      kind: "cuda",
      memoryBytes: cardMemory(24),
      float32FlopsPerSecond: specified(35.6e12),
      bfloat16FlopsPerSecond: figure(71e12, "from memory, not checked (142 is listed as dense with fp16 accumulation)"),
      memoryBytesPerSecond: specified(936e9),
      deviceLink: { name: "NVLink3 bridge (2 cards)", bytesPerSecond: recalled(56.25e9) },
      hostLinkBytesPerSecond: specified(32e9),
      watts: specified(350),
      price: price(700, 1000, "market listings (used)"),
      cloudSpotPerHour: spot(0.22),
      cloudOnDemandPerHour: price(0.39, 0.39, ON_DEMAND),
    },
    "RTX 4090": {
      kind: "cuda",
      memoryBytes: cardMemory(24),
      float32FlopsPerSecond: specified(82.6e12),
      bfloat16FlopsPerSecond: specified(165.2e12),
      memoryBytesPerSecond: specified(1.008e12),
      hostLinkBytesPerSecond: specified(32e9),
      watts: specified(450),
      price: price(1400, 2800, "market listings"),
      cloudSpotPerHour: spot(0.34),
      cloudOnDemandPerHour: price(0.6, 0.6, ON_DEMAND),
    },
    "RTX 5090": {
      kind: "cuda",
      memoryBytes: cardMemory(32),
      float32FlopsPerSecond: specified(104.8e12),
      bfloat16FlopsPerSecond: figure(209.5e12, "from memory, not checked (838.4 sparse fp16 accumulate / 4)"),
      memoryBytesPerSecond: specified(1.792e12),
      hostLinkBytesPerSecond: specified(64e9),
      watts: specified(575),
      price: price(2300, 4000, "market listings"),
      cloudSpotPerHour: spot(0.69),
      cloudOnDemandPerHour: price(1.22, 1.22, ON_DEMAND),
    },
    "RTX A6000": {
      kind: "cuda",
      memoryBytes: cardMemory(48),
      float32FlopsPerSecond: specified(38.7e12),
      bfloat16FlopsPerSecond: fromTools(154.85e12),
      memoryBytesPerSecond: specified(768e9),
      layerEfficiency: {
        float32: {
          computeEfficiency: fromPaper(0.549),
          activationBytes: figure(33, "assumed: twice that of bfloat16 on an H100"),
          scoreBytes: figure(28, "assumed: twice that of fp16 on an A100"),
          launchSeconds: fromPaper(0.00193),
          headBytes: figure(58, "assumed: as on the H100"),
          meanError: figure(0.012, "the other sixteen pipeline cells of that figure"),
        },
      },
      deviceLink: { name: "NVLink3 bridge (2 cards)", bytesPerSecond: specified(56.25e9) },
      hostLinkBytesPerSecond: specified(32e9),
      watts: specified(300),
      price: price(4649, 4649, "market listings (launch)"),
    },
    L4: {
      kind: "cuda",
      memoryBytes: cardMemory(24),
      float32FlopsPerSecond: specified(30.3e12),
      bfloat16FlopsPerSecond: figure(121e12, "public specification page (242 sparse / 2)"),
      memoryBytesPerSecond: specified(300e9),
      hostLinkBytesPerSecond: specified(32e9),
      watts: specified(72),
      cloudSpotPerHour: spot(0.44),
      cloudOnDemandPerHour: price(0.78, 0.78, ON_DEMAND),
    },
    L40S: {
      kind: "cuda",
      memoryBytes: cardMemory(48),
      float32FlopsPerSecond: specified(91.6e12),
      bfloat16FlopsPerSecond: fromTools(362e12),
      memoryBytesPerSecond: specified(864e9),
      hostLinkBytesPerSecond: specified(32e9),
      watts: specified(350),
      cloudSpotPerHour: spot(0.79),
      cloudOnDemandPerHour: price(1.4, 1.4, ON_DEMAND),
    },
    A10: {
      kind: "cuda",
      memoryBytes: cardMemory(24),
      float32FlopsPerSecond: specified(31.2e12),
      bfloat16FlopsPerSecond: fromTools(125e12),
      memoryBytesPerSecond: specified(600e9),
      hostLinkBytesPerSecond: specified(32e9),
      watts: specified(150),
    },
    "A100 PCIe 40": {
      kind: "cuda",
      memoryBytes: cardMemory(40),
      float32FlopsPerSecond: specified(19.5e12),
      bfloat16FlopsPerSecond: fromTools(312e12),
      memoryBytesPerSecond: specified(1.555e12),
      deviceLink: { name: "NVLink3 bridge (2 cards)", bytesPerSecond: specified(300e9) },
      hostLinkBytesPerSecond: specified(32e9),
      watts: specified(250),
    },
    "A100 PCIe 80": {
      kind: "cuda",
      memoryBytes: cardMemory(80),
      float32FlopsPerSecond: specified(19.5e12),
      bfloat16FlopsPerSecond: fromTools(312e12),
      memoryBytesPerSecond: specified(1.935e12),
      deviceLink: { name: "NVLink3 bridge (2 cards)", bytesPerSecond: specified(300e9) },
      hostLinkBytesPerSecond: specified(32e9),
      watts: specified(300),
      cloudSpotPerHour: spot(1.19),
      cloudOnDemandPerHour: price(2.1, 2.1, ON_DEMAND),
    },
    "A100 SXM 40": {
      kind: "cuda",
      memoryBytes: cardMemory(40),
      float32FlopsPerSecond: specified(19.5e12),
      bfloat16FlopsPerSecond: fromTools(312e12),
      memoryBytesPerSecond: specified(1.555e12),
      deviceLink: { name: "NVLink3", bytesPerSecond: specified(300e9) },
      hostLinkBytesPerSecond: specified(32e9),
      watts: specified(400),
    },
    "A100 SXM 80": {
      kind: "cuda",
      memoryBytes: cardMemory(80),
      float32FlopsPerSecond: specified(19.5e12),
      bfloat16FlopsPerSecond: fromTools(312e12),
      memoryBytesPerSecond: specified(2.039e12),
      layerEfficiency: {
        bfloat16: {
          computeEfficiency: fromVTrain(0.74),
          activationBytes: figure(15.1, "as on the H100: not separable in this device's data"),
          scoreBytes: fromVTrain(14),
          launchSeconds: figure(0.00102, `${VTRAIN}; a third of a layer's 3.05 ms`),
          headBytes: fromVTrain(155),
          meanError: figure(0.055, "72 rows predict the other 1368"),
        },
      },
      deviceLink: { name: "NVLink3", bytesPerSecond: specified(300e9) },
      hostLinkBytesPerSecond: specified(32e9),
      watts: specified(400),
      cloudSpotPerHour: spot(1.39),
      cloudOnDemandPerHour: price(2.45, 2.45, ON_DEMAND),
    },
    "H100 PCIe": {
      kind: "cuda",
      memoryBytes: cardMemory(80),
      float32FlopsPerSecond: specified(51.2e12),
      bfloat16FlopsPerSecond: fromTools(756e12),
      memoryBytesPerSecond: specified(2e12),
      deviceLink: { name: "NVLink4 bridge (2 cards)", bytesPerSecond: recalled(300e9) },
      hostLinkBytesPerSecond: specified(64e9),
      watts: specified(350),
      cloudSpotPerHour: spot(1.99),
      cloudOnDemandPerHour: price(3.51, 3.51, ON_DEMAND),
    },
    "H100 SXM": {
      kind: "cuda",
      memoryBytes: cardMemory(80),
      float32FlopsPerSecond: specified(66900000000000.01),
      bfloat16FlopsPerSecond: fromTools(989e12),
      memoryBytesPerSecond: specified(3.35e12),
      layerEfficiency: {
        bfloat16: {
          computeEfficiency: fromLoraFusion(0.664),
          activationBytes: fromLoraFusion(15.1),
          launchSeconds: fromLoraFusion(0.00021),
          headBytes: figure(57.3, "the same source's embedding and head"),
          meanError: figure(0.058, "the worst of three models, each predicted from the other two"),
        },
      },
      deviceLink: { name: "NVLink4", bytesPerSecond: specified(450e9) },
      hostLinkBytesPerSecond: specified(64e9),
      watts: specified(700),
      cloudSpotPerHour: spot(2.69),
      cloudOnDemandPerHour: price(4.76, 4.76, ON_DEMAND),
    },
    "H200 SXM": {
      kind: "cuda",
      memoryBytes: cardMemory(141),
      float32FlopsPerSecond: specified(66900000000000.01),
      bfloat16FlopsPerSecond: fromTools(989e12),
      memoryBytesPerSecond: specified(4.8e12),
      deviceLink: { name: "NVLink4", bytesPerSecond: specified(450e9) },
      hostLinkBytesPerSecond: specified(64e9),
      watts: specified(700),
      cloudSpotPerHour: spot(3.59),
      cloudOnDemandPerHour: price(6.35, 6.35, ON_DEMAND),
    },
    "B200 SXM": {
      kind: "cuda",
      memoryBytes: figure(
        180 * GIB,
        "public specification page (other listings: 192 GB and 8000 GB/s); the GB of a card are 2^30 bytes",
      ),
      float32FlopsPerSecond: specified(75e12),
      bfloat16FlopsPerSecond: fromTools(2250e12),
      memoryBytesPerSecond: figure(7.7e12, "public specification page (other listings: 192 GB and 8000 GB/s)"),
      deviceLink: { name: "NVLink5", bytesPerSecond: specified(900e9) },
      hostLinkBytesPerSecond: specified(64e9),
      watts: specified(1000),
      cloudSpotPerHour: spot(5.98),
      cloudOnDemandPerHour: price(10.57, 10.57, ON_DEMAND),
    },
    MI300X: {
      kind: "cuda",
      memoryBytes: cardMemory(192),
      float32FlopsPerSecond: specified(163.4e12),
      bfloat16FlopsPerSecond: specified(1307e12),
      memoryBytesPerSecond: specified(5.3e12),
      deviceLink: { name: "Infinity Fabric mesh", bytesPerSecond: specified(448e9) },
      hostLinkBytesPerSecond: specified(64e9),
      watts: specified(750),
      cloudOnDemandPerHour: price(1.71, 1.85, ON_DEMAND),
    },
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
