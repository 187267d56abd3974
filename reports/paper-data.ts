// What the page of the paper's evaluation is made of; server side and client share these types.

/** A published cell with its prediction, in the cell's unit. */
export interface PaperPageRow {
  readonly figure: string;
  readonly model: string;
  readonly system: string;
  /** Adapters trained at the same time. */
  readonly adapters: number;
  readonly unit: "hours" | "tokens/s" | "seconds";
  readonly published: number | "out of memory";
  readonly predicted: number | "out of memory";
  /** predicted / published - 1; null where one of the two is out of memory. */
  readonly error: number | null;
  /** Of the fullest device. */
  readonly peakBytes: number;
  /** `explained`: predicted, but what the model lacks there is known. */
  readonly use: "calibration" | "predicted" | "explained";
  readonly note: string;
}

/** A number of the platform. */
export interface PaperPageFigure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly origin: "calibrated" | "given" | "assumed";
  readonly source: string;
}

export interface PaperPageScore {
  readonly of: string;
  readonly rows: number;
  readonly mean: number;
  readonly worst: number;
}

/** What an assumed figure decides: mean and largest error when it is multiplied. */
export interface PaperPageVariation {
  readonly figure: string;
  readonly factor: number;
  readonly pipelines: Omit<PaperPageScore, "of" | "rows">;
  readonly tensorParallel: Omit<PaperPageScore, "of" | "rows">;
}

export interface PaperPageData {
  readonly title: string;
  readonly date: string;
  readonly version: string;
  readonly device: string;
  readonly numDevices: number;
  readonly capacityBytes: number;
  /** Names of the cells that numbers were fitted to. */
  readonly calibrationCells: readonly string[];
  readonly figures: readonly PaperPageFigure[];
  readonly rows: readonly PaperPageRow[];
  readonly scores: readonly PaperPageScore[];
  readonly orderings: readonly { readonly statement: string; readonly holds: boolean }[];
  /** Empty unless they were asked for. */
  readonly variations: readonly PaperPageVariation[];
}
