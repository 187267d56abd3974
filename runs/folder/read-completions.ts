import { InputError } from "../../core/index.ts";
import type { SeenCompletion } from "../../exec/index.ts";
import { linesOfFile } from "../../files/index.ts";
import { type FileLines, jsonLines, type Plan } from "../../plan/index.ts";

/** Stage, stream, action, start and end, interrupted and delayed nanoseconds: null where nobody counted those. */
type CompletionFields = readonly [
  number,
  SeenCompletion["done"]["stream"],
  number,
  number,
  number,
  number | null,
  number | null,
];

/** The lines of completions.jsonl by their form alone. @throws InputError with the line that is none */
export function* completionFields(
  lines: FileLines,
  file: string,
): Generator<{ readonly value: CompletionFields; readonly line: number }> {
  for (const { value, line } of jsonLines(lines, file)) {
    if (!Array.isArray(value) || value.length !== 7)
      throw new InputError({ expected: "what a device of the plan reported", file, line, got: value });
    const [stage, stream, id, startNs, endNs, interruptedNs, delayedNs] = value;
    const times = [startNs, endNs, interruptedNs ?? 0, delayedNs ?? 0];
    if (!times.every(Number.isFinite))
      throw new InputError({ expected: "times in nanoseconds", file, line, got: value });
    if (!["compute", "send", "receive"].includes(stream) || ![stage, id].every((each) => Number.isSafeInteger(each)))
      throw new InputError({ expected: "what a device of the plan reported", file, line, got: value });
    yield { value: value as unknown as CompletionFields, line };
  }
}

/**
 * What devices reported, line by line as `Records` writes it in completions.jsonl: of a long fleet there is more than
 * memory has room for. `begin`: by stage, actions before those of the plan, of which it is not known what they were.
 * @throws InputError with the line that is none
 */
export function* readCompletions(
  lines: FileLines,
  file: string,
  plan: Pick<Plan, "actions" | "devices" | "stages">,
  begin: readonly number[] = [],
): Generator<SeenCompletion> {
  /** By stage and stream, 1 for what was reported: a byte an action, since there are many. */
  const reported = new Map<string, Uint8Array>();
  const isAction = (stage: number, id: number): boolean => {
    const own = plan.actions[stage];
    const number = id - (begin[stage] ?? 0);
    return Number.isInteger(id) && id >= 0 && own !== undefined && (number < 0 || own[number] !== undefined);
  };
  for (const { value, line } of completionFields(lines, file)) {
    const [stage, stream, id, startNs, endNs, interruptedNs, delayedNs] = value;
    if (!isAction(stage, id))
      throw new InputError({ expected: "what a device of the plan reported", file, line, got: value });
    const known = id - (begin[stage] ?? 0);
    const ids = reported.get(`${stage} ${stream}`) ?? new Uint8Array(plan.actions[stage]!.length);
    reported.set(`${stage} ${stream}`, ids);
    if (ids[known] === 1)
      throw new InputError({ expected: "each action once", file, line, got: plan.actions[stage]![known] });
    if (known >= 0) ids[known] = 1;
    const device = plan.devices[plan.stages[stage]!.device]!.name;
    yield {
      stage,
      done: {
        ...{ device, stream, id, startNs, endNs },
        ...(interruptedNs === null ? {} : { interruptedNs }),
        ...(delayedNs === null ? {} : { delayedNs }),
      },
    };
  }
}

/** Lines of what devices reported but for those at the end that are of a later segment. */
export function* wholeSegments(
  file: string,
  plan: Pick<Plan, "actions">,
  begin: readonly number[] = [],
): Generator<string> {
  for (const line of linesOfFile(file)) {
    const [stage, , id] = line.endsWith("\n") ? (JSON.parse(line) as [number, string, number]) : [];
    const known = stage === undefined ? undefined : plan.actions[stage]?.length;
    if (known !== undefined && id! >= (begin[stage!] ?? 0) + known) return;
    yield line;
  }
}

/** @throws InputError where devices did not report all actions of a plan; `seen`: those that they did, each once */
export function checkAllReported(
  file: string,
  { actions }: Pick<Plan, "actions">,
  seen: Iterable<SeenCompletion>,
  begin: readonly number[] = [],
): void {
  const counts = actions.map(() => 0);
  for (const { stage, done } of seen)
    if (done.stream === "compute" && done.id >= (begin[stage] ?? 0)) counts[stage]! += 1;
  const lacking = counts.findIndex((count, stage) => count !== actions[stage]!.length);
  if (lacking >= 0)
    throw new InputError({
      expected: `${actions[lacking]!.length} actions of stage ${lacking}`,
      file,
      got: counts[lacking],
    });
}
