import { DeviceError } from "../core/index.ts";
import { checkCount, checkFinite, checkLength } from "./checks.ts";
import { PREFERENCE_CURVES, type PreferenceSide, type PreferenceTerm } from "./preference.ts";
import type { RawBindings } from "./raw-addon.ts";
import { RECORDS } from "./records.ts";
import { type AdapterEntry, type Bindings, TOLD_PARTS, type Told, type UpdateTask } from "./tasks.ts";
import type { Space } from "./tensors.ts";

const SPACES = ["stash", "work", "in", "out"] as const satisfies readonly Space[];

/** What a run is given, as the addon takes it. @throws DeviceError for a field that is wrong */
export function packBindings(bindings: Bindings): RawBindings {
  const rows = checkCount(bindings.rows, "bindings.rows", 1);
  for (const space of SPACES) checkCount(bindings[space], `bindings.${space}`);
  for (const name of ["ids", "targets", "rowKeys"] as const) {
    const data = bindings[name];
    if (data !== undefined) checkLength(data, rows, `bindings.${name}`);
  }
  const segments = bindings.segments.map(({ adapter, rowStart, rowEnd, lossScale, dropout, dropoutSeed }, index) => {
    const [seedLow, seedHigh] = dropoutSeed;
    if (!(dropout >= 0 && dropout < 1)) {
      throw new DeviceError({
        expected: "a probability below 1",
        at: `bindings.segments[${index}].dropout`,
        got: dropout,
      });
    }
    checkFinite(lossScale, `bindings.segments[${index}].lossScale`);
    return { adapter, rowStart, rowEnd, lossScale, dropout, seedLow, seedHigh };
  });
  const { stashRows = rows, losses = [], caches = [], preferences = [] } = bindings;
  checkCount(stashRows, "bindings.stashRows", rows);
  return {
    run: RECORDS.Run.pack([{ ...bindings, stashRows }]),
    ids: bindings.ids,
    targets: bindings.targets,
    sequences: bindings.sequences,
    rowKeys: bindings.rowKeys,
    logitRows: bindings.logitRows,
    segments: RECORDS.Segment.pack(segments),
    losses: RECORDS.LossPart.pack(losses),
    caches: RECORDS.CachedRows.pack(caches),
    preferences: RECORDS.Preference.pack(preferences.map(packTerm)),
    sumSquares: RECORDS.SumSquares.pack(bindings.sumSquares ?? []),
    profile: bindings.profile ?? false,
  };
}

const NO_SIDE: PreferenceSide = { loss: -1, share: 0 };

function packTerm(term: PreferenceTerm) {
  const { chosen = NO_SIDE, rejected = NO_SIDE, divergences = { first: 0, count: 0 } } = term;
  return {
    curve: PREFERENCE_CURVES.indexOf(term.curve),
    ...{ chosen: chosen.loss, chosenReference: chosen.reference ?? -1, chosenShare: chosen.share },
    ...{ rejected: rejected.loss, rejectedReference: rejected.reference ?? -1, rejectedShare: rejected.share },
    odds: Number(term.odds ?? false),
    ...{ beta: term.beta, offset: term.offset ?? 0, up: term.up ?? 1, down: term.down ?? 0 },
    ...{ weight: term.weight, chosenWeight: term.chosenWeight ?? 0 },
    ...{ divergenceFirst: divergences.first, divergenceCount: divergences.count },
  };
}

/** @throws DeviceError for a field that is wrong */
export function packEntries(entries: readonly AdapterEntry[]): Float64Array {
  entries.forEach(({ target, rank, inFeatures, outFeatures, scale, experts, tokens }, index) => {
    const at = (field: string): string => `createAdapter[${index}].${field}`;
    checkCount(target, at("target"));
    checkCount(rank, at("rank"), 1);
    checkCount(inFeatures, at("inFeatures"), 1);
    checkCount(outFeatures, at("outFeatures"), tokens === undefined ? 1 : 0);
    checkFinite(scale, at("scale"));
    checkCount(experts ?? 1, at("experts"), 1);
  });
  return RECORDS.AdapterEntry.pack(
    entries.map(({ magnitudes, tokens, ...entry }) => ({
      experts: 1,
      ...(magnitudes ?? { weight: tokens?.table ?? -1, column: 0 }),
      ...entry,
    })),
  );
}

/** The tokens of the entries that have some, one after another. */
export function packTokens(entries: readonly AdapterEntry[]): Int32Array {
  return Int32Array.from(entries.flatMap(({ tokens }) => tokens?.ids ?? []));
}

const FINITE = ["learningRate", "learningRateB", "beta1", "beta2", "eps", "weightDecay", "maxGradNorm"] as const;

/** @throws DeviceError for a field that is wrong */
export function packItems(task: UpdateTask): Float64Array {
  task.items.forEach((item, index) => {
    const at = (field: string): string => `items[${index}].${field}`;
    if (item.maxGradNorm > 0 && item.normCells.length === 0) {
      throw new DeviceError({ expected: "at least one norm cell", at: at("normCells"), got: item.normCells });
    }
    checkCount(item.step, at("step"), 1);
    for (const field of FINITE) checkFinite(item[field] ?? 0, at(field));
  });
  return RECORDS.UpdateItem.pack(
    task.items.map((item) => ({
      ...item,
      learningRateB: item.learningRateB ?? item.learningRate,
      told: numTold(item.told),
    })),
  );
}

/** How many vectors an update tells of an adapter. */
function numTold(told: Told | undefined): number {
  return told === undefined ? 0 : TOLD_PARTS[told].length;
}
