import type { Command } from "../command.ts";
import { calibrateCommand } from "./calibrate.ts";
import { catalogCommand } from "./catalog.ts";
import { compareCommand } from "./compare.ts";
import { demoCommand } from "./demo.ts";
import { devicesCommand } from "./devices.ts";
import { initModelCommand } from "./init-model.ts";
import { paperCommand } from "./paper.ts";
import { planCommand } from "./plan.ts";
import { reportCommand } from "./report.ts";
import { simulateCommand } from "./simulate.ts";
import { strategiesCommand } from "./strategies.ts";
import { trainCommand } from "./train.ts";
import { validateCommand } from "./validate.ts";
import { watchCommand } from "./watch.ts";
import { whatIfCommand } from "./what-if.ts";

/** Every command, in the order of --help. */
export const COMMANDS: readonly Command[] = [
  demoCommand,
  planCommand,
  simulateCommand,
  whatIfCommand,
  trainCommand,
  watchCommand,
  calibrateCommand,
  compareCommand,
  reportCommand,
  devicesCommand,
  catalogCommand,
  validateCommand,
  initModelCommand,
  strategiesCommand,
  paperCommand,
];
