import { type ErrorFacts, InputError, PlanError } from "../../core/index.ts";
import { chainSegments, planHash, planOfDocument, segmentHash, settingHash, workOf } from "../actions/segments.ts";
import {
  type Locations,
  PLAN_VERSION,
  type Plan,
  type PlanBody,
  type PlanDocument,
  planDocumentSchema,
} from "../documents/plan.ts";
import { checkDocument, placeError } from "../documents/read-document.ts";
import { type ReadText, readText } from "../documents/read-text.ts";
import { type Segment, type Work, workSchema } from "../documents/segment.ts";
import { checkCuts } from "./validate-cuts.ts";
import { checkMemory } from "./validate-memory.ts";
import { validatePlan } from "./validate-plan.ts";
import { checkReferences } from "./validate-references.ts";

/** The finished plan, in one segment or in those that it grew by. Of `locations` it keeps those of its jobs. */
export function sealPlan(
  body: PlanBody,
  { model, data, init, evaluation }: Locations,
  segments: readonly Segment[] = chainSegments(body, [workOf(body)]),
): Plan {
  const names = new Set(body.jobs.map(({ name }) => name));
  const own = <Place>(places: Readonly<Record<string, Place>>): Record<string, Place> =>
    Object.fromEntries(Object.entries(places).filter(([name]) => names.has(name)));
  const ofEvaluation = evaluation === undefined ? {} : { evaluation: own(evaluation) };
  const locations = { model, data: own(data), init: own(init), ...ofEvaluation };
  return { ...body, segments, hash: planHash(segments, body.predicted), locations };
}

const CHANGED = "The plan was changed after it was made. Make it again with `loratwin plan`.";

/** `beside`: where else it is, and what can be done. @throws InputError for a hash that is not that of the content */
export function requireHash(
  expected: string,
  at: string,
  got: string,
  beside: Partial<ErrorFacts> = { hint: CHANGED },
): void {
  if (expected === got) return;
  throw new InputError({
    expected: `content that matches its hash (${got.slice(0, 19)}...)`,
    at,
    got: `${expected.slice(0, 19)}...`,
    ...beside,
  });
}

/** @throws InputError when the plan was changed after it was made, with the first segment that was. */
function verifyHashes({ setting, segments, predicted, hash }: PlanDocument): void {
  let previous = settingHash(setting);
  segments.forEach((segment, index) => {
    requireHash(previous, `segments[${index}].previous`, segment.previous);
    requireHash(segmentHash(segment), `segments[${index}].hash`, segment.hash);
    previous = segment.hash;
  });
  requireHash(planHash(segments, predicted), "hash", hash);
}

/** @throws InputError for a plan of another version. */
function checkVersion({ file, value, locate }: ReadText): void {
  const { kind, version } = (value ?? {}) as { readonly kind?: unknown; readonly version?: unknown };
  if (kind !== "plan" || typeof version !== "number" || version === PLAN_VERSION) return;
  throw new InputError({
    expected: `a plan of version ${PLAN_VERSION}`,
    at: "version",
    got: version,
    file,
    ...(locate(["version"]) ?? {}),
    hint: "Make it anew from its workload: `loratwin plan WORKLOAD ... -o FILE`.",
  });
}

/** The same error with the place in the document of what a plan has joined. */
function inDocument(error: unknown, document: PlanDocument): unknown {
  const { segments } = document;
  if (!(error instanceof PlanError) || error.facts.at === undefined) return error;
  const [all = "", key = "", number = "0"] = /^(\w+)(?:\[(\d+)\])?/.exec(error.facts.at) ?? [];
  if (key in document) return error;
  if (!(key in workSchema.shape))
    return new PlanError({ ...error.facts, at: `setting.${error.facts.at}` }, { cause: error });
  let [index, segment] = [Number(number), 0];
  const list = (at: number): number => segments[at]![key as keyof Work].length;
  if (key !== "actions")
    for (; segment < segments.length - 1 && index >= list(segment); segment += 1) index -= list(segment);
  const own = error.facts.at === key ? key : `${key}[${index}]${error.facts.at.slice(all.length)}`;
  return new PlanError({ ...error.facts, at: `segments[${segment}].${own}` }, { cause: error });
}

/** As `parsePlan`, of a text that was read. */
export function checkPlan(source: ReadText): Plan {
  checkVersion(source);
  const document = checkDocument(planDocumentSchema, source.value, source);
  try {
    verifyHashes(document);
    const plan = planOfDocument(document);
    validatePlan(plan);
    checkMemory(plan);
    checkCuts(plan);
    checkReferences(plan);
    return plan;
  } catch (error) {
    throw placeError(inDocument(error, document), source);
  }
}

/**
 * Reads a plan and checks that it can run.
 * @throws InputError for a text that is no plan or was changed by hand; PlanError where it breaks an invariant.
 */
export function parsePlan(text: string, file: string): Plan {
  return checkPlan(readText(text, file));
}
