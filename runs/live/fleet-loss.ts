import type { LostPipeline } from "../../exec/index.ts";
import { devicesOfPipeline, type Setting } from "../../plan/index.ts";
import type { RequestChoice } from "../../workbench/index.ts";

/** Devices that a live fleet has lost while others went on: it ends then, and can go on without them. */
export class FleetLoss {
  readonly #devices: string[] = [];
  readonly #pipelines = new Set<number>();
  #first: { readonly error: unknown; readonly wasDraining: boolean } | undefined;

  /** All devices of a pipeline have stopped. `isDraining`: whether the fleet takes no more jobs. */
  add(setting: Setting, { pipeline, error }: LostPipeline, isDraining: boolean): void {
    this.#first ??= { error, wasDraining: isDraining };
    this.#pipelines.add(pipeline);
    this.#devices.push(...devicesOfPipeline(setting, pipeline));
  }

  /** Whether it is what a fleet has failed with whose other devices had come to their end. */
  isOf(error: unknown): boolean {
    return this.#first !== undefined && error === this.#first.error;
  }

  /** By name; none where nothing was lost. */
  get devices(): readonly string[] {
    return this.#devices;
  }

  /** Whether the fleet took no more jobs before it lost any. */
  get wasDraining(): boolean {
    return this.#first?.wasDraining === true;
  }

  /** The same choice of devices without these. */
  leftOf(choice: RequestChoice, { pipelines }: Setting): RequestChoice {
    const left = pipelines.length - this.#pipelines.size;
    const isGiven = typeof choice.choices?.pipelines === "number";
    return {
      ...choice,
      without: [...(choice.without ?? []), ...this.#devices],
      ...(isGiven ? { choices: { ...choice.choices, pipelines: left } } : {}),
    };
  }
}
