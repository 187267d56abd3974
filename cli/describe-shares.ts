import { STEP_PARTS, type StepShares } from "../studies/index.ts";
import { percent } from "./output.ts";

const NAMES: Readonly<Record<keyof StepShares, string>> = {
  products: "products",
  attention: "attention",
  memory: "traffic",
  link: "links",
  rest: "other",
};

/** The two parts that take most of a step's time: "products 47 %, memory traffic 37 %". */
export function largestParts(shares: StepShares, parts: readonly (keyof StepShares)[] = STEP_PARTS): string {
  const largest = [...parts].sort((a, b) => shares[b] - shares[a]).slice(0, 2);
  return largest.map((part) => `${NAMES[part]} ${percent(shares[part], 0)}`).join(", ");
}
