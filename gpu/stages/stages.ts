import type { Stage } from "../stage.ts";
import { build } from "./build.ts";
import { calibrate } from "./calibrate.ts";
import { environment } from "./environment.ts";
import { kernels } from "./kernels.ts";
import { operators } from "./operators.ts";
import { oracle } from "./oracle.ts";
import { sanitizer } from "./sanitizer.ts";
import { training } from "./training.ts";
import { twin } from "./twin.ts";

/** In the order in which they run: what is needed most comes first, since time may run out. */
export const STAGES = {
  environment,
  build,
  operators,
  oracle,
  kernels,
  training,
  calibrate,
  twin,
  sanitizer,
} as const satisfies Record<string, Stage>;

export type StageName = keyof typeof STAGES;
