import { existsSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { didYouMean, InputError, isMapping, ownValue } from "../core/index.ts";
import { isHubPath, type QuestionForm } from "../datasets/index.ts";
import { type AdapterPair, type ModelFolder, openModelFolder, readJobState, readPeftFolder } from "../exec/index.ts";
import { absolute, type Place, readWholeText } from "../files/index.ts";
import { type AdapterSpec, type Architecture, type Dtype, dataSetsOf, type PlannedJob } from "../plan/index.ts";
import {
  checkpointNames,
  checkSavedFile,
  checkWritten,
  journalOfRun,
  modelByJournal,
  RUN_FILES,
  readComers,
  readManifest,
  readPlanOfRun,
  readSettingOfRun,
  runKindOf,
  weightsByJournal,
} from "../runs/index.ts";
import { promptFormOf } from "../workbench/index.ts";

/** The name under which a base model answers. */
export const BASE = "base";

/** An adapter that can be asked. */
export interface AdapterChoice {
  /** Of its job; `job@best` is the one with the lowest held-out loss, `job@120` that of a checkpoint. */
  readonly name: string;
  readonly job: PlannedJob;
  /** The file of its rows, where it was when the run was planned. */
  readonly dataFile: string | undefined;
  /** Steps that it has made; undefined where nobody has written it down. */
  readonly step: number | undefined;
  /** Whether it is what its job has now. */
  readonly isCurrent: boolean;
  /** When its file was written last, in milliseconds since 1970. */
  readonly writtenMs: number;
  /** @throws InputError */
  readonly read: (arch: Architecture) => readonly AdapterPair[];
}

/** A base model, and what was trained on it. */
export interface AnswerSource {
  readonly folder: string;
  readonly modelFolder: string;
  readonly dtype: Dtype;
  readonly adapters: readonly AdapterChoice[];
  /** Of all jobs, also of those that have no adapter yet. */
  readonly specs: readonly AdapterSpec[];
  /** The digest of the weights that it was trained on, where the run has written it down. */
  readonly weights: string | undefined;
}

function writtenAt(file: string): number {
  return statSync(file).mtimeMs;
}

type Saved = ReadonlyMap<string, NonNullable<ReturnType<typeof readManifest>>["jobs"][number]>;

/** What each whole checkpoint of a run has of its jobs by their names, the newest first. */
function savedIn(run: string): readonly Saved[] {
  const manifests = checkpointNames(run).toReversed();
  return manifests.map((name) => new Map(readManifest(run, name)?.jobs.map((job) => [job.name, job])));
}

/** What is known of a run beside its jobs. */
interface KnownRun {
  readonly folder: string;
  readonly checkpoints: readonly Saved[];
  /** Jobs that have made all of their steps. */
  readonly ended: ReadonlySet<string>;
}

/** A job's adapter as it is asked for; the base has its own name for itself. */
function currentName({ name }: PlannedJob): string {
  return name === BASE ? `${BASE}@job` : name;
}

/** What a run's folder has of a job: its adapter, the best one, and those of its checkpoints, the newest first. */
function choicesOf(
  { folder: run, checkpoints, ended: endedJobs }: KnownRun,
  job: PlannedJob,
  dataFile: string | undefined,
): readonly AdapterChoice[] {
  const folderOf = (kind: string): string => path.join(run, kind, job.name);
  const peft = (name: string, folder: string, step: number | undefined): readonly AdapterChoice[] => {
    if (!existsSync(folder)) return [];
    const read: AdapterChoice["read"] = (arch) => {
      checkWritten(folder);
      return readPeftFolder(folder, job.adapter, arch);
    };
    return [{ name, job, dataFile, step, isCurrent: name === currentName(job), writtenMs: writtenAt(folder), read }];
  };
  const steps = new Set<number>();
  const saved = checkpoints.flatMap((checkpoint): readonly AdapterChoice[] => {
    const known = checkpoint.get(job.name);
    // One that waits is at the same step in several.
    if (known === undefined || known.file === null || steps.has(known.step)) return [];
    const { step, best, file } = known;
    const full = path.join(run, file.path);
    // One that has ended is in the folder of adapters.
    if (step === known.steps || !existsSync(full)) return [];
    steps.add(step);
    const facts = {
      step,
      best: best === null ? undefined : { step: best.step, evaluationLoss: best.evaluationLoss },
      keepsBest: best?.isKept === true,
    };
    const read: AdapterChoice["read"] = (arch) => {
      checkSavedFile(run, job.name, file);
      return readJobState(full, job.adapter, arch, facts).state.parameters;
    };
    return [{ name: `${job.name}@${step}`, job, dataFile, step, isCurrent: false, writtenMs: writtenAt(full), read }];
  });
  const hasEnded = endedJobs.has(job.name);
  const name = currentName(job);
  const written = peft(name, folderOf(RUN_FILES.adapters), hasEnded ? job.steps : undefined);
  // That of a run which was ended early is older than a checkpoint of the same run once it has gone on.
  const newest = hasEnded ? undefined : saved[0];
  const isNewer = newest !== undefined && newest.writtenMs > (written[0]?.writtenMs ?? 0);
  const current = isNewer ? [{ ...newest, name, isCurrent: true }] : written;
  return [...current, ...peft(`${job.name}@best`, folderOf(RUN_FILES.best), undefined), ...saved];
}

/** The base model that an adapter's folder names, if it does. */
function baseOfAdapters(run: string): string | undefined {
  for (const kind of [RUN_FILES.adapters, RUN_FILES.best]) {
    const folder = path.join(run, kind);
    for (const name of existsSync(folder) ? readdirSync(folder) : []) {
      const file = path.join(folder, name, "adapter_config.json");
      if (!existsSync(file)) continue;
      const config: unknown = JSON.parse(readWholeText(file));
      const base = isMapping(config) ? config["base_model_name_or_path"] : undefined;
      if (typeof base === "string") return base;
    }
  }
  return undefined;
}

/** The file of a job's rows; of several data sets the first. */
function fileOf({ data }: PlannedJob, folder: string): string | undefined {
  const [first] = dataSetsOf(data);
  return first === undefined || isHubPath(first.path) ? undefined : path.resolve(folder, first.path);
}

/** What questions to an adapter are put into, or to the base. @throws InputError for data that are wrong */
export function formOf(choice: AdapterChoice | undefined, hasChatTemplate: boolean): Promise<QuestionForm> {
  const data = choice === undefined ? undefined : dataSetsOf(choice.job.data)[0];
  return promptFormOf(data, choice?.dataFile, { hasChatTemplate });
}

/**
 * What a folder has that answers: a run's folder, of whichever kind and whether it has ended or not, or a model's.
 * `base`: where the base model is, if not where it was. `dataFolder`: where relative paths of a fleet's data start.
 * @throws InputError for a folder that is neither
 */
export function findAnswerSource(place: Place, given: string, base?: string, dataFolder = place.cwd): AnswerSource {
  const folder = absolute(place, given);
  const kind = runKindOf(place, given);
  if (kind === undefined) {
    if (existsSync(path.join(folder, "config.json")))
      return { folder, modelFolder: folder, dtype: "float32", adapters: [], specs: [], weights: undefined };
    throw new InputError({
      expected: "the folder of a run, or of a model",
      file: given,
      got: existsSync(folder) ? "a folder without plan.json, setting.json and config.json" : "no such folder",
    });
  }
  const own = kind === "plan" ? readPlanOfRun(place, given) : undefined;
  const { model } = own ?? readSettingOfRun(place, given);
  const jobs = own?.jobs ?? readComers(folder).map(({ job }) => job);
  const { events } = journalOfRun(folder);
  const told = own?.locations.model ?? modelByJournal(events);
  const known = base === undefined ? (told ?? baseOfAdapters(folder)) : absolute(place, base);
  if (known === undefined || known === null)
    throw new InputError({
      expected: "the base model's folder",
      at: "--base",
      got: "none, and the run does not name it",
    });
  const ended = new Set(events.flatMap((line) => (line.event === "job ended" ? [line.job] : [])));
  const run = { folder, checkpoints: savedIn(folder), ended };
  return {
    ...{ folder, modelFolder: known, dtype: model.dtype, weights: weightsByJournal(events) },
    specs: jobs.map((job) => job.adapter),
    adapters: jobs.flatMap((job) =>
      choicesOf(
        run,
        job,
        own === undefined ? fileOf(job, dataFolder) : [ownValue(own.locations.data, job.name) ?? []].flat()[0],
      ),
    ),
  };
}

/**
 * The adapters that are named, undefined for the base. `names`: with commas between them; where absent the base, and the
 * adapter of each job. @throws InputError for a name that nothing has
 */
export function chosenAdapters(
  { adapters, folder }: AnswerSource,
  names: string | undefined,
): readonly (AdapterChoice | undefined)[] {
  if (names === undefined) return [undefined, ...adapters.filter(({ isCurrent }) => isCurrent)];
  const wanted = new Set(names.split(",").map((text) => text.trim()));
  return [...wanted].map((name) => {
    if (name === BASE) return undefined;
    const found = adapters.find((each) => each.name === name);
    if (found !== undefined) return found;
    const all = [BASE, ...adapters.map((each) => each.name)];
    const hint = didYouMean(name, all);
    throw new InputError({
      expected: `adapters of ${folder} (${shortList(all)})`,
      at: "--adapters",
      got: name,
      ...(hint === undefined ? {} : { hint }),
    });
  });
}

function shortList(names: readonly string[]): string {
  const MOST = 12;
  return names.length <= MOST ? names.join(", ") : `${names.slice(0, MOST).join(", ")} and ${names.length - MOST} more`;
}

/** @throws InputError where it is not a model's folder, or another model's */
export function openBase({ modelFolder, folder }: AnswerSource): ModelFolder {
  try {
    return openModelFolder(modelFolder);
  } catch (error) {
    if (!(error instanceof InputError) || modelFolder === folder) throw error;
    const hint = error.facts.hint ?? "--base DIR names the folder of the base model that the run was trained on.";
    throw new InputError({ ...error.facts, hint }, { cause: error });
  }
}
