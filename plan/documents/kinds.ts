/** What takes a document of each kind. */
const TAKERS: Readonly<Record<string, string>> = {
  workload: "`loratwin plan FILE`, `simulate`, `estimate` and `train`",
  plan: "`loratwin simulate FILE` and `loratwin train FILE -o RUN`",
  trace: "`loratwin compare SIMULATED EXECUTED` and `loratwin report FILE`",
  cluster: "the option --cluster",
  calibration: "the option --calibration",
  catalog: "the option --catalog",
  prices: "the option --prices",
  candidates: "the option --candidates of `loratwin capacity`",
  forecast: "`loratwin capacity FILE`",
  goldens: "`loratwin regress`",
  "regress-baseline": "the option --baseline of `loratwin regress check`",
  "accepted-changes": "`loratwin regress`",
  "capacity-answer": "`loratwin validate FILE`",
};

/** What to do with a document that has another kind than the one that is needed, or none. */
export function documentHint(needed: string, got: unknown): string | undefined {
  if (needed === "trace" && got === undefined) return undefined;
  if (got === undefined) return `A ${needed}'s file begins with \`kind: ${needed}\` and \`version: 1\`.`;
  const takers = typeof got === "string" && Object.hasOwn(TAKERS, got) ? TAKERS[got] : undefined;
  return takers === undefined
    ? undefined
    : `It is a ${got}, which ${takers} ${takers.includes(" and ") ? "take" : "takes"}.`;
}
