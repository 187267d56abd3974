import type { Command } from "../command.ts";

/** In the order of --help. Each is loaded alone: all of them together take most of a short command's time. */
const LOADERS: Readonly<Record<string, () => Promise<Command>>> = {
  demo: async () => (await import("./demo.ts")).demoCommand,
  init: async () => (await import("./init.ts")).initCommand,
  import: async () => (await import("./import.ts")).importCommand,
  data: async () => (await import("./data.ts")).dataCommand,
  plan: async () => (await import("./plan.ts")).planCommand,
  estimate: async () => (await import("./estimate.ts")).estimateCommand,
  simulate: async () => (await import("./simulate.ts")).simulateCommand,
  replay: async () => (await import("./replay.ts")).replayCommand,
  "what-if": async () => (await import("./what-if.ts")).whatIfCommand,
  train: async () => (await import("./train.ts")).trainCommand,
  resume: async () => (await import("./resume.ts")).resumeCommand,
  launch: async () => (await import("./launch.ts")).launchCommand,
  generate: async () => (await import("./generate.ts")).generateCommand,
  evaluate: async () => (await import("./evaluate.ts")).evaluateCommand,
  best: async () => (await import("./best.ts")).bestCommand,
  "check-run": async () => (await import("./check-run.ts")).checkRunCommand,
  export: async () => (await import("./export.ts")).exportCommand,
  "check-adapter": async () => (await import("./check-adapter.ts")).checkAdapterCommand,
  reproduce: async () => (await import("./reproduce.ts")).reproduceCommand,
  notice: async () => (await import("./notice.ts")).noticeCommand,
  watch: async () => (await import("./watch.ts")).watchCommand,
  explain: async () => (await import("./explain.ts")).explainCommand,
  calibrate: async () => (await import("./calibrate.ts")).calibrateCommand,
  compare: async () => (await import("./compare.ts")).compareCommand,
  report: async () => (await import("./report.ts")).reportCommand,
  devices: async () => (await import("./devices.ts")).devicesCommand,
  doctor: async () => (await import("./doctor.ts")).doctorCommand,
  catalog: async () => (await import("./catalog.ts")).catalogCommand,
  validate: async () => (await import("./validate.ts")).validateCommand,
  "init-model": async () => (await import("./init-model.ts")).initModelCommand,
  strategies: async () => (await import("./strategies.ts")).strategiesCommand,
  layouts: async () => (await import("./layouts.ts")).layoutsCommand,
  capacity: async () => (await import("./capacity.ts")).capacityCommand,
  accuracy: async () => (await import("./accuracy.ts")).accuracyCommand,
  paper: async () => (await import("./paper.ts")).paperCommand,
  regress: async () => (await import("./regress.ts")).regressCommand,
  explore: async () => (await import("./explore.ts")).exploreCommand,
  serve: async () => (await import("./serve.ts")).serveCommand,
  submit: async () => (await import("./submit.ts")).submitCommand,
  jobs: async () => (await import("./jobs.ts")).jobsCommand,
  cancel: async () => (await import("./cancel.ts")).cancelCommand,
  priority: async () => (await import("./priority.ts")).priorityCommand,
  pause: async () => (await import("./pause.ts")).pauseCommand,
  unpause: async () => (await import("./unpause.ts")).unpauseCommand,
  clone: async () => (await import("./clone.ts")).cloneCommand,
};

/** What a command line can begin with. */
export const COMMAND_NAMES: readonly string[] = Object.keys(LOADERS);

/** Every command, in the order of --help. */
export function allCommands(): Promise<readonly Command[]> {
  return Promise.all(Object.values(LOADERS).map((load) => load()));
}

/** The command that a command line names alone; none for the version, and all where it names none, for help. */
export async function commandsOf(argv: readonly string[]): Promise<readonly Command[]> {
  const name = argv.find((word) => !word.startsWith("-"));
  if (name === undefined && argv.includes("--version")) return [];
  const load = name === undefined || !Object.hasOwn(LOADERS, name) ? undefined : LOADERS[name];
  return load === undefined ? await allCommands() : [await load()];
}
