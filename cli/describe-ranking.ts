import { counted } from "../core/index.ts";
import type { RankedJob, Ranking, SettingValue } from "../plan/index.ts";
import type { RunRanking } from "../runs/index.ts";
import { spentColumns } from "./describe-spent.ts";
import { percent, table } from "./output.ts";

/** Jobs that a person reads line by line. */
const MOST_LINES = 20;
/** Settings that have a column each: those that explain most. */
const MOST_COLUMNS = 4;

/** "+0.034 (0.012 to 0.056)" */
function behindText(behind: RankedJob["behind"]): string {
  if (behind === null) return "-";
  const [value, low, high] = [behind.value, behind.low, behind.high].map((each) => each.toFixed(3));
  return `+${value} (${low} to ${high})`;
}

/** "learningRate" of "optimizer.learningRate", where no other key ends so. */
function shortKey(key: string, { keys }: Pick<Ranking, "keys">): string {
  const last = key.slice(key.lastIndexOf(".") + 1);
  return keys.filter((other) => other.key.endsWith(`.${last}`)).length > 1 ? key : last;
}

function valueText(value: SettingValue | undefined): string {
  return value === null || value === undefined ? "-" : `${value}`;
}

/** "learningRate explains 93 % of the order of the jobs after 24 rows, rank 2 %" */
function sharesLine(ranking: Ranking): readonly string[] {
  const [first, ...others] = ranking.keys.flatMap(({ key, share }) =>
    share === null ? [] : [{ key: shortKey(key, ranking), share: percent(share, 0) }],
  );
  if (first === undefined) return [];
  const order = `${first.share} of the order of the jobs after ${counted(ranking.comparedRows, "row")}`;
  return [[`${first.key} explains ${order}`, ...others.map(({ key, share }) => `${key} ${share}`)].join(", ")];
}

function baseLine({ base, level }: Ranking): string {
  if (base === null) return "the base was not evaluated: `evaluation: { base: true }` asks for it";
  const { gain } = base;
  const range =
    gain === null
      ? ""
      : `, ${gain.value.toFixed(3)} above the best (${percent(level, 0)}: ${gain.low.toFixed(3)} to ${gain.high.toFixed(3)})`;
  return `the base alone: ${base.loss.toFixed(3)}${range}`;
}

/** Jobs that rows as these cannot tell from the best. */
function undecidedLine({ jobs }: Ranking): readonly string[] {
  const near = jobs.filter(({ behind }) => behind !== null && behind.low <= 0).length;
  if (near === 0) return [];
  return [`${counted(near, "other job")} may be as good: with so few held-out rows the difference can be chance`];
}

/** The jobs of a run that are evaluated on the same rows, and which is the best. */
export function rankingText(ranking: RunRanking): string {
  const { jobs, keys, best, scoredTokens, level } = ranking;
  const spent = spentColumns(jobs.map((job) => job.spent));
  const columns = keys.slice(0, MOST_COLUMNS).map(({ key }) => key);
  const rows = jobs
    .slice(0, MOST_LINES)
    .map((job, place) => [
      `${place + 1}`,
      job.name,
      ...columns.map((key) => valueText(job.settings[key])),
      job.loss.toFixed(3),
      `${job.step + 1} of ${job.lastStep}`,
      place === 0 ? "" : behindText(job.behind),
      ...spent.cellsOf(job.spent),
    ]);
  const tokens = scoredTokens === null ? "" : ` (${counted(scoredTokens, "scored token")})`;
  const header = [
    ...["", "job", ...columns.map((key) => shortKey(key, ranking))],
    ...["loss", "at step", `above the best (${percent(level, 0)})`, ...spent.heads],
  ];
  const more = jobs.length > MOST_LINES ? [`and ${jobs.length - MOST_LINES} more: --json has all`] : [];
  return [
    `${counted(jobs.length, "job")} by the lowest loss on the same held-out rows${tokens}`,
    "",
    table(header, rows),
    ...more,
    "",
    baseLine(ranking),
    ...sharesLine(ranking),
    ...undecidedLine(ranking),
    `best: ${best.name}, loss ${best.loss.toFixed(3)}${best.folder === null ? ", not written yet" : `, in ${best.folder}`}`,
  ].join("\n");
}

/** All rankings of a run behind something else that is said of it; nothing where there are none. */
export function rankingLines(rankings: readonly RunRanking[]): readonly string[] {
  return rankings.flatMap((ranking) => ["", rankingText(ranking)]);
}
