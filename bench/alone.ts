// A measurement in a process of its own: `node dist/bench/alone.js CASE ARGUMENT-AS-JSON` prints its figures as JSON.
import { stepCounts } from "./gpu-bytes/counted-step.ts";
import { growFigures } from "./grow-alone.ts";
import type { AloneCase } from "./own-process.ts";
import { largeFigures } from "./simulate-alone.ts";
import { traceFigures } from "./trace-alone.ts";
import { trainFigures } from "./train-alone.ts";

const CASES: Readonly<Record<AloneCase, (argument: never) => Promise<unknown>>> = {
  "counted-step": stepCounts,
  grow: growFigures,
  simulate: largeFigures,
  trace: traceFigures,
  train: trainFigures,
};

// It ends when the one that started it is gone.
process.once("disconnect", () => process.exit(1));
process.channel?.unref();
const [name, argument] = process.argv.slice(2) as [AloneCase, string];
process.stdout.write(JSON.stringify(await CASES[name](JSON.parse(argument) as never)));
