/** The rules by which a job is stopped. */
export type StopRule = "not-finite" | "divergence" | "plateau" | "patience" | "extrapolation";

/** The job is stopped now, by a rule, and why in a sentence. */
export interface Stop {
  readonly kind: "stop";
  readonly rule: StopRule;
  readonly why: string;
}

/**
 * The job goes on. It is expected to end after `predicted` iterations in all, and with a probability of 90 %, as far as
 * the fitted curve goes on as it is, after `low` to `high`. Without anything to tell that from it is the whole job.
 */
export interface GoOn {
  readonly kind: "go-on";
  readonly predicted: number;
  readonly low: number;
  readonly high: number;
}

export type Verdict = GoOn | Stop;
