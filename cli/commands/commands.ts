import type { Command } from "../command.ts";
import { calibrateCommand } from "./calibrate.ts";
import { cancelCommand } from "./cancel.ts";
import { capacityCommand } from "./capacity.ts";
import { catalogCommand } from "./catalog.ts";
import { checkRunCommand } from "./check-run.ts";
import { cloneCommand } from "./clone.ts";
import { compareCommand } from "./compare.ts";
import { demoCommand } from "./demo.ts";
import { devicesCommand } from "./devices.ts";
import { doctorCommand } from "./doctor.ts";
import { estimateCommand } from "./estimate.ts";
import { explainCommand } from "./explain.ts";
import { exploreCommand } from "./explore.ts";
import { initModelCommand } from "./init-model.ts";
import { jobsCommand } from "./jobs.ts";
import { launchCommand } from "./launch.ts";
import { layoutsCommand } from "./layouts.ts";
import { noticeCommand } from "./notice.ts";
import { paperCommand } from "./paper.ts";
import { pauseCommand } from "./pause.ts";
import { planCommand } from "./plan.ts";
import { priorityCommand } from "./priority.ts";
import { regressCommand } from "./regress.ts";
import { reportCommand } from "./report.ts";
import { reproduceCommand } from "./reproduce.ts";
import { resumeCommand } from "./resume.ts";
import { serveCommand } from "./serve.ts";
import { simulateCommand } from "./simulate.ts";
import { strategiesCommand } from "./strategies.ts";
import { submitCommand } from "./submit.ts";
import { trainCommand } from "./train.ts";
import { validateCommand } from "./validate.ts";
import { watchCommand } from "./watch.ts";
import { whatIfCommand } from "./what-if.ts";

/** Every command, in the order of --help. */
export const COMMANDS: readonly Command[] = [
  demoCommand,
  planCommand,
  estimateCommand,
  simulateCommand,
  whatIfCommand,
  trainCommand,
  launchCommand,
  checkRunCommand,
  reproduceCommand,
  noticeCommand,
  watchCommand,
  explainCommand,
  calibrateCommand,
  compareCommand,
  reportCommand,
  devicesCommand,
  doctorCommand,
  catalogCommand,
  validateCommand,
  initModelCommand,
  strategiesCommand,
  layoutsCommand,
  capacityCommand,
  paperCommand,
  regressCommand,
  exploreCommand,
  serveCommand,
  submitCommand,
  jobsCommand,
  cancelCommand,
  priorityCommand,
  pauseCommand,
  resumeCommand,
  cloneCommand,
];
