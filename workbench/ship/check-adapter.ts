// Which parts of an adapter take effect where it is served.
import { counted, InputError } from "../../core/index.ts";
import { firstNotFinite } from "../../exec/index.ts";
import { absolute, type Place } from "../../files/index.ts";
import { type AdapterFolder, hasOtherRank, readAdapterFolder, type ScaledModule } from "./adapter-folder.ts";
import { type BaseFolder, namedBase, openBase, sizesOf } from "./base-folder.ts";
import { CONSUMER_RULES, type Consumer, type ConsumerRules, type Effect } from "./consumers.ts";
import { FEATURES, type Feature, type FoundFeatures, featuresOf } from "./features.ts";
import { GGUF_MODEL_TYPES, ggufFamily, ggufName, stoppingModules } from "./gguf-names.ts";
import { checkShapes } from "./merge-tensors.ts";
import { strayModules } from "./stray-modules.ts";

/** Something of an adapter that does not take effect as it was trained. */
export interface AdapterFinding {
  readonly effect: Effect;
  /** What of the adapter. */
  readonly about: string;
  /** Modules, tensors or keys. */
  readonly where: readonly string[];
  readonly says: string;
  readonly instead: string;
}

export interface ConsumerCheck {
  readonly consumer: Consumer;
  readonly title: string;
  readonly source: string;
  /** Of the adapter's modules, those whose update is right there. */
  readonly effective: readonly string[];
  readonly findings: readonly AdapterFinding[];
}

export interface CheckedAdapter {
  readonly adapter: string;
  /** Null where none was found. */
  readonly base: string | null;
  readonly modules: readonly string[];
  readonly rank: number;
  readonly consumers: readonly ConsumerCheck[];
  readonly notes: readonly string[];
}

export interface CheckChoice {
  readonly adapter: string;
  readonly consumers: readonly Consumer[];
  readonly base?: string | undefined;
  /** The base that its run was trained on. */
  readonly ofRun?: string | undefined;
}

/** What no consumer can make good: tensors that the base or the configuration contradicts. */
function ownFindings(adapter: AdapterFolder, base: BaseFolder | undefined): readonly AdapterFinding[] {
  const findings: AdapterFinding[] = [];
  const add = (effect: Effect, about: string, where: readonly string[], says: string, instead: string): void => {
    if (where.length > 0) findings.push({ effect, about, where, says, instead });
  };
  const { modules, reader } = adapter;
  add(
    "ignored",
    "no tensors",
    modules.length === 0 ? ["adapter_model.safetensors"] : [],
    "It has no update of any module.",
    "Save the adapter again.",
  );
  const unfit = modules.filter((module) => isUnfit(base, module));
  const absent = unfit.filter((module) => sizesOf(base!, module) === undefined);
  const other = "Name the base that it was trained on with --base.";
  add("wrong", "modules that the base lacks", pathsOf(absent), "The base has no such module.", other);
  add(
    "refused",
    "shapes",
    pathsOf(unfit.filter((module) => !absent.includes(module))),
    "The matrices are not of the base's shapes.",
    other,
  );
  add(
    "refused",
    "rank",
    pathsOf(modules.filter(hasOtherRank)),
    "The matrices have another rank than adapter_config.json says.",
    "Write r, or rank_pattern, as the matrices are.",
  );
  const tensors = modules.flatMap(({ a, b, magnitude }) => [a, b, ...(magnitude === undefined ? [] : [magnitude])]);
  add(
    "wrong",
    "numbers",
    tensors.filter(({ name }) => firstNotFinite(reader.readTensor(name)) !== undefined).map(({ name }) => name),
    "A number is infinite or none, and so is every answer.",
    "Take an earlier checkpoint.",
  );
  const { untargeted, missing, noTargets, isUnclear } = strayModules(adapter, base);
  const config = "adapter_config.json";
  add(
    "wrong",
    "targets",
    noTargets ? [config] : [],
    "Without target_modules PEFT takes q_proj and v_proj, and others refuse it.",
    "Write target_modules.",
  );
  add(
    "uncertain",
    "targets",
    isUnclear ? [config] : [],
    "Which modules it names cannot be told.",
    "Write target_modules as a list of names.",
  );
  add(
    "ignored",
    "tensors that target_modules does not name",
    untargeted,
    "PEFT passes over them without a warning.",
    "Add them to target_modules.",
  );
  add(
    "ignored",
    "tensors that are missing",
    missing,
    "target_modules names modules that have no tensors.",
    "Save the adapter again, or name only what it is on.",
  );
  return findings;
}

function pathsOf(modules: readonly ScaledModule[]): readonly string[] {
  return modules.map(({ path }) => path);
}

function isUnfit(base: BaseFolder | undefined, module: ScaledModule): boolean {
  if (base === undefined) return false;
  try {
    checkShapes(base, module);
    return false;
  } catch (error) {
    if (error instanceof InputError) return true;
    throw error;
  }
}

function ratioText(ratios: readonly number[]): string {
  const texts = [...new Set(ratios.map((ratio) => String(Number(ratio.toPrecision(3)))))];
  return texts.length <= 2 ? texts.join(" and ") : `${texts[0]} and others`;
}

/** Modules whose update is multiplied by another number than in PEFT. */
function scaleFinding(adapter: AdapterFolder, rules: ConsumerRules): readonly AdapterFinding[] {
  const ratioOf = (module: ScaledModule): number => rules.scale(adapter, module) / module.scale;
  const wrong = adapter.modules.filter((module) => Math.abs(ratioOf(module) - 1) > 1e-9);
  if (wrong.length === 0) return [];
  const ratios = ratioText(wrong.map(ratioOf));
  return [
    {
      effect: "wrong",
      about: "scale",
      where: pathsOf(wrong),
      says: `The update is ${ratios} times what it was trained with: ${rules.scaleIs}.`,
      instead: rules.rightScale,
    },
  ];
}

function rankFinding({ modules, rank }: AdapterFolder, { ranks, title }: ConsumerRules): readonly AdapterFinding[] {
  const largest = Math.max(rank, ...modules.filter(({ parameter }) => parameter === undefined).map((of) => of.rank));
  if (ranks === undefined || largest <= ranks.most) return [];
  const allowed = ranks.allowed.find((each) => each >= largest);
  return [
    {
      effect: "refused",
      about: "rank",
      where: [String(largest)],
      says: `${title} takes ranks up to ${ranks.most}${allowed === undefined ? `, and with ${ranks.option} up to ${ranks.allowed.at(-1)}` : " by itself"}.`,
      instead:
        allowed === undefined ? "Use `loratwin export --to merged`." : `Start it with ${ranks.option} ${allowed}.`,
    },
  ];
}

/** What llama.cpp has no names for. */
function nameFindings(
  adapter: AdapterFolder,
  base: BaseFolder | undefined,
  consumer: Consumer,
): readonly AdapterFinding[] {
  if (consumer !== "llama.cpp" && consumer !== "ollama") return [];
  const instead = "Use `loratwin export --to merged`.";
  const refused = { effect: "refused", about: "names", instead } as const;
  if (base !== undefined && ggufFamily(base.config) === undefined) {
    const says = `loratwin knows llama.cpp's names of ${GGUF_MODEL_TYPES.join(", ")}.`;
    return [{ ...refused, where: [`model_type ${String(base.config["model_type"])}`], says }];
  }
  const paths = pathsOf(adapter.modules);
  const ofMixture = /\.experts\.|\.(?:gate|router)$/;
  const unnamed = paths.filter((path) => ggufName(path) === undefined && !ofMixture.test(path));
  const stopping = base === undefined ? [] : stoppingModules(base.config, paths);
  const found = (where: readonly string[], says: string): readonly AdapterFinding[] =>
    where.length === 0 ? [] : [{ ...refused, where, says }];
  return [
    ...found(unnamed, "llama.cpp has no such tensor, as far as loratwin knows."),
    ...found(stopping, "Its process ends with an assertion when it decodes."),
  ];
}

/** Features with the same rule are one finding. */
function featureFindings(found: FoundFeatures, { rules }: ConsumerRules): readonly AdapterFinding[] {
  return FEATURES.flatMap((feature: Feature) => {
    const rule = rules[feature];
    const where = found.get(feature);
    return rule === undefined || where === undefined ? [] : [{ ...rule, about: feature, where }];
  });
}

function checkFor(
  consumer: Consumer,
  adapter: AdapterFolder,
  base: BaseFolder | undefined,
  found: FoundFeatures,
  own: readonly AdapterFinding[],
): ConsumerCheck {
  const rules = CONSUMER_RULES[consumer];
  const findings = [
    ...own,
    ...featureFindings(found, rules),
    ...nameFindings(adapter, base, consumer),
    ...rankFinding(adapter, rules),
    ...scaleFinding(adapter, rules),
  ];
  const isRefused = findings.some(({ effect }) => effect === "refused");
  const touched = new Set(findings.flatMap(({ where }) => where));
  const tensorsTouched = ({ path, a, b, magnitude }: ScaledModule): boolean =>
    [path, a.name, b.name, ...(magnitude === undefined ? [] : [magnitude.name])].some((name) => touched.has(name));
  return {
    consumer,
    title: rules.title,
    source: rules.source,
    effective: isRefused ? [] : pathsOf(adapter.modules.filter((module) => !tensorsTouched(module))),
    findings,
  };
}

/** @throws InputError where the folder is no LoRA adapter, or a base that is named cannot be read */
export async function checkAdapter(place: Place, choice: CheckChoice): Promise<CheckedAdapter> {
  const adapter = readAdapterFolder(absolute(place, choice.adapter));
  const where = { place, given: choice.base, ofRun: choice.ofRun };
  const hasBase = choice.base !== undefined || namedBase(adapter, where) !== undefined;
  const base = hasBase ? await openBase(adapter, where) : undefined;
  const found = featuresOf(adapter, base?.arch.tiedEmbeddings);
  const own = ownFindings(adapter, base);
  const served = choice.consumers.includes("llama.cpp") || choice.consumers.includes("ollama");
  return {
    adapter: choice.adapter,
    base: base?.folder ?? null,
    modules: pathsOf(adapter.modules),
    rank: adapter.rank,
    consumers: choice.consumers.map((consumer) => checkFor(consumer, adapter, base, found, own)),
    notes: [
      ...(base === undefined
        ? ["No base was found, so shapes and missing tensors are not checked; --base DIR names it."]
        : []),
      ...(served ? ["llama.cpp and Ollama take a GGUF: `loratwin export --to gguf` or `--to ollama` writes it."] : []),
    ],
  };
}

/** Whether all of an adapter takes effect there as it was trained. */
export function takesEffect({ findings }: ConsumerCheck): boolean {
  return findings.length === 0;
}

/** "35 of 35 modules" */
export function effectiveText({ effective }: ConsumerCheck, modules: readonly string[]): string {
  return `${effective.length} of ${counted(modules.length, "module")}`;
}
