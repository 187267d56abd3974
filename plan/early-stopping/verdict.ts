/** The rules by which a job is stopped. */
export type StopRule = "not-finite" | "divergence" | "plateau" | "patience";

/** The job is stopped now, by a rule, and why in a sentence. */
export interface Stop {
  readonly kind: "stop";
  readonly rule: StopRule;
  readonly why: string;
}

/**
 * The job goes on. It is expected to end after `predicted` iterations in all; `low` to `high` are to hold 90 % of the
 * ends if the losses go on as the fitted curve. Without the extrapolation it is all of the job's steps.
 */
export interface GoOn {
  readonly kind: "go-on";
  readonly predicted: number;
  readonly low: number;
  readonly high: number;
}

export type Verdict = GoOn | Stop;
