import { costErrors, drawMoves, type MachineMoves } from "../../calibration/index.ts";
import { createRng } from "../../core/index.ts";
import type { Calibration } from "../../plan/index.ts";
import type { Outlook } from "../../traces/index.ts";
import { drawSeed } from "../intervals.ts";
import { machineRng } from "../moved-times.ts";
import { sharedFactors } from "../sample-times.ts";

/** By how much iterations of a job take longer than predicted, in one of the runs that might be. */
export type TimeFactors = (draw: number) => (job: number) => number;

/** Of the time of a forward and backward, what is backward. */
const BACKWARD = 2 / 3;

/** Deviations of the logarithm: of all times of a run together, and of each job's by itself. */
export interface TimeSpread {
  readonly shared: number;
  readonly own: number;
}

/** Log-normal factors with median 1. */
export function spreadFactors({ shared, own }: TimeSpread, seed: number): TimeFactors {
  return (draw) => {
    const all = shared * createRng(drawSeed(seed, draw)).nextNormal();
    return (job) => Math.exp(all + own * createRng(`${drawSeed(seed, draw)} of ${job}`).nextNormal());
  };
}

/**
 * By the errors that a calibration says it has, which all iterations of a run share, those of single actions being evened
 * out over an iteration; and by how the machine may move, where somebody looked.
 */
export function calibrationFactors(
  calibration: Calibration,
  seed: number,
  moves?: MachineMoves,
  outlook: Outlook = "been",
): TimeFactors {
  const errors = costErrors(calibration);
  const moveOf = moves && drawMoves(moves, outlook);
  return (draw) => {
    const { F, B } = sharedFactors(errors, drawSeed(seed, draw)).actions;
    const ofCosts = (1 - BACKWARD) * F + BACKWARD * B;
    if (moveOf === undefined) return () => ofCosts;
    const { own, lost } = moveOf(machineRng(drawSeed(seed, draw)));
    return () => ofCosts * own * (1 + lost);
  };
}
