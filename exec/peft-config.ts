import { InputError } from "../core/index.ts";
import { readWholeText } from "../files/index.ts";
import {
  type AdapterSpec,
  type Architecture,
  isOfMixture,
  layerProjections,
  placeError,
  readText,
} from "../plan/index.ts";
import { adapterSites, wholeLayers } from "./adapter-sites.ts";
import { parameterPath } from "./peft-experts.ts";
import { projectionPath } from "./projection-path.ts";

/** Starts of an adapter for which PEFT changes the base. Source: LoraLayer.update_layer, peft 0.21. */
const CHANGES_BASE = /^(?:pissa|corda|olora|loftq|lora_ga)/i;

/** Modules of a model, of those that may have an adapter, that `target_modules` names; undefined where it is wrong. */
function namedModules(targets: unknown, modules: readonly string[]): readonly string[] | undefined {
  if (targets === "all-linear") return modules;
  if (typeof targets === "string") {
    // PEFT takes a text as a regular expression over the whole name.
    try {
      const whole = new RegExp(`^(?:${targets})$`);
      return modules.filter((name) => whole.test(name));
    } catch {
      return undefined;
    }
  }
  if (!Array.isArray(targets)) return undefined;
  const isNamed = (name: string, target: unknown): boolean => name === target || name.endsWith(`.${String(target)}`);
  if (!targets.every((target) => modules.some((name) => isNamed(name, target)))) return undefined;
  return modules.filter((name) => targets.some((target) => isNamed(name, target)));
}

/** Whether a PEFT configuration is of the job's adapter. @throws InputError with the first key that is not */
export function checkPeftConfig(file: string, spec: AdapterSpec, arch: Architecture): void {
  const source = readText(readWholeText(file), file);
  if (typeof source.value !== "object" || source.value === null)
    throw new InputError({ expected: "a PEFT adapter configuration", file, got: source.value });
  const config = source.value as Readonly<Record<string, unknown>>;
  const refuse = (expected: string, at: string, hint?: string): never => {
    const facts = { expected, at, got: config[at], ...(hint === undefined ? {} : { hint }) };
    throw placeError(new InputError(facts), source);
  };
  // First, since r and lora_alpha are not what every target has then.
  for (const key of ["rank_pattern", "alpha_pattern"]) {
    if (Object.keys((config[key] as object | null | undefined) ?? {}).length > 0)
      refuse(
        "one rank and one alpha for all targets",
        key,
        "Bring it to one rank: give each A more rows and each B more columns of zeros, up to the largest rank; multiply each B by its own alpha / rank over the job's; and empty both patterns. Or leave `adapter.init` out.",
      );
  }
  const wanted: readonly (readonly [string, unknown])[] = [
    ["peft_type", "LORA"],
    ["r", spec.rank],
    ["lora_alpha", spec.alpha],
  ];
  for (const [key, value] of wanted) {
    if (config[key] !== value) refuse(`${JSON.stringify(value)}, as the job's adapter has it,`, key);
  }
  const isRootScaled = config["use_rslora"] === true;
  if (isRootScaled !== (spec.rslora === true))
    refuse(
      `${!isRootScaled}, as the job's adapter has it,`,
      "use_rslora",
      isRootScaled ? "Write `adapter: { rslora: true }`." : "Leave `adapter.rslora` out.",
    );
  for (const key of ["use_dora", "fan_in_fan_out", "lora_bias"]) {
    if (config[key] === true) refuse("a plain LoRA adapter", key);
  }
  const start = config["init_lora_weights"];
  if (typeof start === "string" && CHANGES_BASE.test(start))
    refuse(
      "an adapter on the base as it is",
      "init_lora_weights",
      "Let PEFT convert it: save_pretrained(FOLDER, path_initial_model_for_weight_conversion=START).",
    );
  for (const key of ["modules_to_save", "layers_to_transform", "exclude_modules", "trainable_token_indices"]) {
    const value = config[key];
    if (value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0))
      refuse("null: an adapter on all layers, and nothing else,", key);
  }
  const bias = config["bias"];
  if (bias !== undefined && bias !== null && bias !== "none") refuse('"none"', "bias");
  const layers = wholeLayers(arch);
  const sites = adapterSites(spec, arch, layers);
  const pathOf = ({ layer, projection }: (typeof sites)[number]): string =>
    isOfMixture(projection) ? parameterPath(arch, layer, projection) : projectionPath(arch, layer, projection);
  const all = layers.flatMap(({ layer }) =>
    layerProjections(arch, layer).map((projection) => ({ layer, projection, path: pathOf({ layer, projection }) })),
  );
  const check = (key: "target_modules" | "target_parameters", isParameter: boolean): void => {
    const known = all.filter(({ projection }) => isOfMixture(projection) === isParameter).map(({ path }) => path);
    const own = sites.filter(({ projection }) => isOfMixture(projection) === isParameter).map(pathOf);
    const named = namedModules(config[key] ?? [], known);
    if (named?.length === own.length && own.every((name) => named.includes(name))) return;
    const isOfEach = arch.experts !== undefined && !isParameter;
    refuse(
      `the job's targets (${[...spec.targets].sort().join()})`,
      key,
      isOfEach ? "Of experts target_parameters are read; adapters of each matrix of each expert are not." : undefined,
    );
  };
  check("target_modules", false);
  if (arch.experts !== undefined) check("target_parameters", true);
}
