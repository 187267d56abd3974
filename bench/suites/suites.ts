import type { Suite } from "../suite.ts";
import { adapters } from "./adapters.ts";
import { checkpoints } from "./checkpoints.ts";
import { coverage } from "./coverage.ts";
import { earlyStopping } from "./early-stopping.ts";
import { external } from "./external.ts";
import { fleet } from "./fleet.ts";
import { fleetCoverage } from "./fleet-coverage.ts";
import { generation } from "./generation.ts";
import { gpuBytes } from "./gpu-bytes.ts";
import { growing } from "./growing.ts";
import { kernels } from "./kernels.ts";
import { machines } from "./machines.ts";
import { memory } from "./memory.ts";
import { parity } from "./parity.ts";
import { pipeline } from "./pipeline.ts";
import { planning } from "./planning.ts";
import { regress } from "./regress.ts";
import { search } from "./search.ts";
import { sideBySide } from "./side-by-side.ts";
import { simulator } from "./simulator.ts";
import { soaked } from "./soak.ts";
import { start } from "./start.ts";
import { thousandAdapters } from "./thousand-adapters.ts";
import { tokenizing } from "./tokenizing.ts";
import { training } from "./training.ts";
import { twin } from "./twin.ts";

/** Every suite, in the order in which all of them run. */
export const SUITES = {
  kernels,
  training,
  adapters,
  pipeline,
  machines,
  memory,
  planning,
  "side-by-side": sideBySide,
  simulator,
  growing,
  checkpoints,
  fleet,
  parity,
  "thousand-adapters": thousandAdapters,
  "early-stopping": earlyStopping,
  search,
  soak: soaked,
  "gpu-bytes": gpuBytes,
  start,
  tokenizing,
  generation,
  twin,
  coverage,
  "fleet-coverage": fleetCoverage,
  regress,
  external,
} as const satisfies Readonly<Record<string, Suite>>;
