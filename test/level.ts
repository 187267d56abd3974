/** How much is run: what takes a second or two, all that has to pass before a change lands, or also what takes minutes. */
type Level = "quick" | "all" | "nightly";

const asked = process.env["LORATWIN_TESTS"] ?? "all";
if (!["quick", "all", "nightly"].includes(asked))
  throw new Error(`Expected quick, all or nightly at LORATWIN_TESTS, got ${JSON.stringify(asked)}`);
const level = asked as Level;

/** Whether cases that take minutes are run too, as `npm run test:nightly` has it. */
export const isNightly = level === "nightly";

/** Whether a few cases have to do for many that are alike, as `npm test` has it. */
export const isQuick = level === "quick";

/** What a test is tagged with that a level leaves out. */
export const TAGS = [
  { name: "slow", description: "takes seconds: left out of npm test" },
  { name: "nightly", description: "takes minutes, or tries once more what a smaller case has: npm run test:nightly" },
];

const FILTERS: Readonly<Record<Level, readonly string[]>> = {
  quick: ["!slow && !nightly"],
  all: ["!nightly"],
  nightly: [],
};

/** What vitest takes for the tags that are not run at this level. */
export const tagsFilter = [...FILTERS[level]];

/** As many of some cases as there is time for, from all over their list; all of them at night. */
export function someOf<T>(cases: readonly T[], most: { readonly quick: number; readonly all: number }): readonly T[] {
  const count = isNightly ? cases.length : Math.min(cases.length, isQuick ? most.quick : most.all);
  return Array.from({ length: count }, (_, place) => cases[Math.floor(((place + 0.5) * cases.length) / count)]!);
}
