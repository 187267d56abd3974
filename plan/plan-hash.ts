import { contentHash, InputError } from "../core/index.ts";
import { type Locations, PLAN_VERSION, type Plan, type PlanBody, planSchema } from "./documents/plan.ts";
import { checkDocument, placeError, type ReadText, readText } from "./documents/read-document.ts";
import { validatePlan } from "./validate-plan.ts";

function bodyOf(plan: Plan): PlanBody {
  const { hash: _hash, locations: _locations, ...body } = plan;
  return body;
}

/** The finished plan: its hash covers everything but the hash itself and the places of the inputs. */
export function sealPlan(body: PlanBody, locations: Locations): Plan {
  return { ...body, hash: contentHash(body), locations };
}

/** @throws InputError when the plan was changed after it was made. */
function verifyPlanHash(plan: Plan): void {
  const actual = contentHash(bodyOf(plan));
  if (actual !== plan.hash) {
    throw new InputError({
      expected: `content that matches the plan's hash (${plan.hash.slice(0, 19)}...)`,
      at: "hash",
      got: `${actual.slice(0, 19)}...`,
      hint: "The plan was changed after it was made. Make it again with `loratwin plan`.",
    });
  }
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

/** As `parsePlan`, of a text that was read. */
export function checkPlan(source: ReadText): Plan {
  checkVersion(source);
  const plan = checkDocument(planSchema, source.value, source);
  try {
    verifyPlanHash(plan);
    validatePlan(plan);
  } catch (error) {
    throw placeError(error, source);
  }
  return plan;
}

/**
 * Reads a plan and checks that it can run.
 * @throws InputError for a text that is no plan or was changed by hand; PlanError where it breaks an invariant.
 */
export function parsePlan(text: string, file: string): Plan {
  return checkPlan(readText(text, file));
}
