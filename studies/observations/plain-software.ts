import { ownValue } from "../../core/index.ts";

/** Training software as it is installed, without a maker's own kernels: what its steps take beside the newest releases. */
export interface PlainSoftware {
  /** In words. */
  readonly text: string;
  /** Time of a step that the device bounds, relative to the newest release of the device's generation. */
  readonly factor: number;
  /** Of the host, a layer and pass, where kernels are launched one by one; absent where they are compiled. */
  readonly hostSeconds?: number;
  /** How far single times lie from such a prediction: the standard deviation of the logarithm. */
  readonly sigma: number;
}

/** Fitted to the rows of `plain-rows.ts`; a test fits them anew, and `accuracy` leaves each model out. */
export const PLAIN_SOFTWARE: Readonly<Record<string, PlainSoftware>> = {
  "transformers-peft": {
    text: "Hugging Face transformers and PEFT with FlashAttention, kernels launched one by one",
    factor: 1.137,
    hostSeconds: 1.44e-3,
    sigma: 0.1,
  },
  torchtune: { text: "torchtune, compiled by PyTorch", factor: 1.02, sigma: 0.1 },
};

/** Undefined for releases of makers. */
export function plainSoftware(release: string): PlainSoftware | undefined {
  return ownValue(PLAIN_SOFTWARE, release);
}
