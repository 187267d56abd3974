import { EventEmitter } from "node:events";
import path from "node:path";
import { DeviceError, InputError, PlanError, shellQuoted } from "../core/index.ts";
import { absolute, isFolder } from "../files/index.ts";
import { deviceOf, findAnswerSource, LiveAnswers } from "../inference/index.ts";
import { checkDocument, completeJob, jobSchema, POLICIES, type PolicyFactory, type PolicyName } from "../plan/index.ts";
import {
  findResumable,
  type LiveFleet,
  type OpenedFleet,
  onInterrupt,
  onNotice,
  openLiveFleet,
  type ResumableFleet,
  RUN_FILES,
  rankRun,
  submissionOf,
  takeFleetFolder,
} from "../runs/index.ts";
import {
  CONTROL_SOCKET,
  type ControlOptions,
  type FleetControl,
  type JobOverrides,
  type ListenOptions,
  liveControl,
  openServer,
  unwritten,
} from "../server/index.ts";
import { checkRanks, loadCluster, placeJob, type RequestChoice } from "../workbench/index.ts";
import { CHECKPOINT_OPTIONS, INTERRUPTED, NOTICED, noticeFiles, noticeOf, rhythmOf } from "./checkpoint-options.ts";
import { type Arguments, flag, optionalCount, optionalText, requiredText } from "./command.ts";
import { fleetLine, jobsTable, noticeLines } from "./describe-jobs.ts";
import { rankingLines } from "./describe-ranking.ts";
import type { Io } from "./io.ts";
import { LOGGER_OPTIONS, tensorboardFolder } from "./logger-options.ts";
import type { Option, OptionTable } from "./option-table.ts";
import { printResult, takenOver } from "./output.ts";
import { VERIFY_OPTIONS } from "./plan-options.ts";
import { contextOf, usesCache, verifiedFleetChoice } from "./request-options.ts";
import { FLEET_PLAN_OPTIONS, policyOption } from "./simulate-fleet.ts";
import { warnSlow } from "./warn-slow.ts";
import { browserAsset } from "./write-report.ts";

/** The options of jobs over time that are trained. */
export const SERVE_OPTIONS = {
  once: { type: "boolean", default: false, describe: "end when the workload's jobs have ended" },
  port: { type: "number", describe: "listen on 127.0.0.1 as well; 0 for any port that is free" },
  "token-file": { type: "string", describe: "file with the token for --port; token in the run folder when absent" },
  "data-root": {
    type: "string",
    describe: "folder in which submitted jobs may read: data, templates, adapters to start from; anywhere when absent",
  },
  ...LOGGER_OPTIONS,
  answers: {
    type: "boolean",
    default: true,
    describe:
      "answer clients of OpenAI's API, to try adapters and not to serve traffic: while it is used it has a second copy of the model in memory and takes time from training; --no-answers turns it off",
  },
  "answers-device": {
    type: "string",
    describe: "what answers: cpu (default), or cuda:0",
    notBeside: ["no-answers"],
  },
  "answers-context": {
    type: "number",
    default: 2048,
    describe: "tokens of a prompt with its answer, at most; room for eight of them is taken",
    notBeside: ["no-answers"],
  },
  ...FLEET_PLAN_OPTIONS,
  ...CHECKPOINT_OPTIONS,
  ...VERIFY_OPTIONS,
} as const satisfies OptionTable;

export const DEFAULT_POLICY = "mlora";

export const POLICY_OPTION = {
  type: "string",
  describe: "the job scheduler's policy: a name (see `simulate --help`), or your own by its path",
} as const satisfies Option;

/** Of TCP. */
const MOST_PORT = 65_535;

/** What the server asks beside what the fleet knows of itself. */
function controlOf(opened: OpenedFleet, cache: boolean): FleetControl {
  const { fleet, loaded, future } = opened;
  return liveControl(fleet, {
    submissionOf: (job) => submissionOf({ loaded, setting: fleet.setting, cache }, job),
    derived({ name: _name, ...job }, name, overrides: JobOverrides) {
      const written = { ...overrides, name };
      return checkDocument(jobSchema, completeJob(written, job), unwritten(written));
    },
    predictedEnds: (isNew) => future.predictedEnds(isNew),
    whatIf: (submission, policy) => future.whatIf(submission, policy),
  });
}

/** Jobs that come at the same time are taken in for so long, before the devices have their turn. */
const AT_ONCE_MS = 50;

/** The workload's jobs come when they say, on the fleet's clock. */
function submitArrivals({ fleet, arrivals, search }: OpenedFleet, once: boolean): Disposable {
  let [next, timer]: [number, NodeJS.Timeout | undefined] = [0, undefined];
  const drainIfAll = (): void => {
    if (once && next === arrivals.length && search.left === 0) fleet.drain();
  };
  const wait = (): void => {
    const arrival = arrivals[next];
    if (arrival !== undefined) timer = setTimeout(submit, Math.max(0, 1e3 * arrival.atSeconds - fleet.nowNs / 1e6));
    // All have come, maybe before the fleet was cut off.
    else drainIfAll();
  };
  const submit = (): void => {
    const [untilMs, nowNs] = [performance.now() + AT_ONCE_MS, fleet.nowNs];
    // The one that was waited for has come, whatever the clock says.
    do {
      if (fleet.isDraining) return;
      fleet.submit(arrivals[next]!.submission);
      next += 1;
    } while (performance.now() < untilMs && next < arrivals.length && 1e9 * arrivals[next]!.atSeconds <= nowNs);
    wait();
  };
  wait();
  search.begin(drainIfAll);
  return {
    [Symbol.dispose]() {
      clearTimeout(timer);
    },
  };
}

/** How a fleet has come to its end: who asked for that before all of its jobs had ended, and what it has failed with. */
interface FleetEnd {
  readonly asked: "a person" | "a notice" | undefined;
  readonly error: unknown;
}

async function runFleet(io: Io, args: Arguments, fleet: LiveFleet): Promise<FleetEnd> {
  let asked: FleetEnd["asked"];
  const signals = io.signals ?? new EventEmitter();
  using _interrupt = onInterrupt(
    signals,
    () => {
      asked ??= "a person";
      io.stderr("Ends with a checkpoint after the iterations that are queued; Ctrl-C again ends at once.\n");
      fleet.end();
    },
    (code) => io.exit?.(code),
  );
  const notice = noticeOf(args);
  let latest: NodeJS.Timeout | undefined;
  const files = noticeFiles(io, fleet.folder, notice);
  using _notice = onNotice({ signals, files, wasNoticed: io.wasNoticed, limit: notice.limit }, (why) => {
    asked = "a notice";
    latest = setTimeout(() => io.exit?.(NOTICED), 1000 * notice.seconds);
    io.stderr(`Noticed (${why}): ends with a checkpoint, in ${notice.seconds} s at the latest.\n`);
    fleet.end(why);
  });
  const error = await fleet.run().catch((failure: unknown) => failure);
  clearTimeout(latest);
  return { asked, error };
}

/** That under which a fleet was cut off that goes on, unless another is given. @throws InputError for one of a user's own */
function policyName(args: Arguments, found: ResumableFleet | undefined): string {
  const given = optionalText(args, "policy");
  if (given !== undefined) return given;
  const { policy = DEFAULT_POLICY } = found ?? {};
  const known = POLICIES.find((name) => name === policy);
  if (known !== undefined) return known;
  throw new InputError({ expected: "the file of the fleet's own policy", at: "--policy", got: "none" });
}

/** What is served, where, and how far its server is open. */
export interface ServedWork {
  readonly folder: string;
  readonly workload: string;
  readonly once: boolean;
  /** Options of the server alone. */
  readonly server: Arguments;
}

/** A server that listens in the run's folder, and answers no prompts. */
export const NO_SERVER: Arguments = { answers: false };

/** By the options of a command that has those of a server. */
export function servedBy(args: Arguments, folder: string): ServedWork {
  return { folder, workload: requiredText(args, "workload"), once: flag(args, "once"), server: args };
}

interface ServedFleet extends ServedWork {
  readonly choice: RequestChoice;
  readonly policy: PolicyName | PolicyFactory;
  readonly found: ResumableFleet | undefined;
  /** It takes no jobs but those that it has. */
  readonly isDraining: boolean;
}

/** A fleet that has ended since it has lost devices, and can go on without them. */
interface CutFleet {
  readonly goOn: () => Promise<number | CutFleet>;
}

/** Where the server listens. @throws InputError for a port that is none */
function listenOptions(io: Io, args: Arguments, folder: string): ListenOptions {
  const port = optionalCount(args, "port", 0);
  if (port !== undefined && port > MOST_PORT)
    throw new InputError({ expected: `a port of 0 to ${MOST_PORT}`, at: "--port", got: port });
  const tokenFile = optionalText(args, "token-file") ?? path.join(folder, RUN_FILES.token);
  return {
    place: io,
    socket: path.join(folder, CONTROL_SOCKET),
    ...(port === undefined ? {} : { tcp: { host: "127.0.0.1", port, tokenFile } }),
  };
}

/** What happens too often for a terminal. */
const OF_STEPS: ReadonlySet<string> = new Set(["step", "evaluation", "sample"]);

/** Prompts that are answered at a time, and adapters that are kept for more of them. */
const ANSWERS = { sequences: 8, keptAdapters: 16 };
/** After so long without a prompt the memory for answers is given back. */
const ANSWERS_IDLE_MS = 10 * 60_000;

/** Answers of what the fleet has trained so far; undefined where nobody is to be answered. @throws InputError */
function answersChoice(
  io: Io,
  args: Arguments,
  folder: string,
): ((modelFolder: string, dataFolder: string) => LiveAnswers) | undefined {
  const device = optionalText(args, "answers-device");
  const context = optionalCount(args, "answers-context", 2) ?? SERVE_OPTIONS["answers-context"].default;
  deviceOf(device, "--answers-device");
  if (args["answers"] === false) return undefined;
  return (modelFolder, dataFolder) => {
    const source = () => findAnswerSource(io, folder, modelFolder, dataFolder);
    return new LiveAnswers({ source, device, context, ...ANSWERS, idleMs: ANSWERS_IDLE_MS });
  };
}

/** What the server has, and whom it tells. */
function controlOptions(
  io: Io,
  args: Arguments,
  { loaded }: OpenedFleet,
  answers: LiveAnswers | undefined,
  onFault: (error: unknown) => void,
): ControlOptions {
  const dataRoot = optionalText(args, "data-root");
  if (dataRoot !== undefined && !isFolder(io, dataRoot))
    throw new InputError({ expected: "a folder", at: "--data-root", got: dataRoot });
  const { defaults = {} } = loaded.source.value as { readonly defaults?: JobOverrides };
  return {
    dataRoot: dataRoot === undefined ? undefined : absolute(io, dataRoot),
    defaults: placeJob(defaults, path.dirname(loaded.source.file)),
    assets: { script: browserAsset("server", "client.js"), style: browserAsset("server", "client.css") },
    answers,
    onFault,
  };
}

/** Serves a fleet to its end: an exit code, or how it goes on where it has lost some of its devices. */
async function serveFleet(io: Io, args: Arguments, served: ServedFleet): Promise<number | CutFleet> {
  const { choice, folder, workload, policy, once, server: own, found, isDraining } = served;
  const context = contextOf(io, args);
  const rhythm = rhythmOf(args);
  const listens = listenOptions(io, own, folder);
  const tensorboard = tensorboardFolder(io, args, folder);
  const answersOf = answersChoice(io, own, folder);
  // Planning says of the cluster what there is to say.
  if (choice.cluster !== undefined) checkRanks(loadCluster({ ...context, note: () => {} }, choice), io.world);
  // Whatever can be refused at once is, before anything is loaded; and who asks meanwhile is told that it loads.
  using _folder = found === undefined ? takeFleetFolder(io, folder) : undefined;
  warnSlow(io);
  await using server = await openServer(listens);
  const opened = await openLiveFleet(context, workload, choice, {
    ...{ folder, policy, found, rhythm, tensorboard, world: io.world },
  });
  for (const line of opened.notes) context.note(line);
  using _log = opened.log;
  using fleet = opened.fleet;
  await using _future = opened.future;
  using _search = opened.search;
  if (fleet.takenFrom !== undefined) context.note(takenOver(folder, fleet.takenFrom));
  const control = controlOf(opened, usesCache(args));
  const { model } = opened.loaded;
  using answers = model && answersOf?.(model.folder, path.dirname(opened.loaded.source.file));
  await server.serve(
    control,
    controlOptions(io, own, opened, answers, (error) => context.warn(String(error))),
  );
  const where = server.address.url === null ? "" : ` and on ${server.address.url}`;
  context.note(`serves on ${server.address.socket}${where}`);
  const unsubscribe = control.subscribe((notice) => {
    if (!OF_STEPS.has(notice.kind)) for (const line of noticeLines(notice)) context.note(line);
  });
  using _arrivals = submitArrivals(opened, once);
  if (isDraining) fleet.drain();
  const goesOn = `\`loratwin resume ${shellQuoted(folder)} ${shellQuoted(workload)}\` goes on, with the same options.`;
  const { asked, error } = await runFleet(io, args, fleet);
  if (error !== undefined) {
    const failure = error instanceof DeviceError ? new DeviceError({ hint: goesOn, ...error.facts }) : error;
    if (!fleet.loss.isOf(error) || asked !== undefined) throw failure;
    return { goOn: () => goOnWithout(io, args, served, fleet, failure) };
  }
  unsubscribe();
  const [jobs, status] = await Promise.all([control.jobs(), control.status()]);
  const rankings = rankRun(io, folder);
  printResult(io, args, { status, jobs, folder, rankings }, () =>
    [
      fleetLine(status),
      "",
      jobsTable(jobs, status.uptimeSeconds),
      ...rankingLines(rankings),
      "",
      `written to ${folder}`,
    ].join("\n"),
  );
  if (asked === undefined || jobs.every(({ standing }) => standing === "ended")) return 0;
  context.note(goesOn);
  return asked === "a notice" ? NOTICED : INTERRUPTED;
}

/** Goes on without the devices that have stopped, or fails as they did where that cannot be. @throws DeviceError */
async function goOnWithout(
  io: Io,
  args: Arguments,
  served: ServedFleet,
  { loss, setting }: LiveFleet,
  failure: unknown,
): Promise<number | CutFleet> {
  const context = contextOf(io, args);
  context.note(`goes on without ${loss.devices.join(", ")}`);
  const choice = loss.leftOf(served.choice, setting);
  try {
    const found = findResumable(io, served.folder, "fleet");
    return await serveFleet(io, args, { ...served, choice, found, isDraining: loss.wasDraining });
  } catch (error) {
    if (!(error instanceof InputError || error instanceof PlanError)) throw error;
    context.warn(`it cannot go on with the devices that are left: ${error.message}`);
    throw failure;
  }
}

/** Serves jobs over time in a folder until they have ended. `found`: what they go on from. Returns the exit code. */
export async function serveJobs(io: Io, args: Arguments, work: ServedWork, found?: ResumableFleet): Promise<number> {
  const policy = await policyOption(io, "policy", policyName(args, found));
  const ways = { ...work, choice: verifiedFleetChoice(args), policy };
  let served = await serveFleet(io, args, { ...ways, found, isDraining: false });
  while (typeof served !== "number") served = await served.goOn();
  return served;
}
