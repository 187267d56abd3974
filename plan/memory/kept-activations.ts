import type { Stage } from "../documents/setting.ts";
import type { LayoutInput } from "./layout-input.ts";
import { slotBytes, stageLayout } from "./stage-layout.ts";

/**
 * What a micro-batch leaves on a device between forward and backward, layer by layer, and what its passes need beside.
 */
export interface KeptActivations {
  readonly layer: number;
  /** Of norm, head and loss; 0 on a device without them. */
  readonly head: number;
  readonly workspace: number;
}

const FLOAT = 4;

/**
 * Bytes of a layer that tensor parallelism leaves whole on every device: the residual stream, and what norms keep of it
 * (Korthikanti et al. 2022, section 4.2).
 */
function wholeBytes({ architecture, isRecomputed, room }: KeptInput): number {
  const { hiddenSize } = architecture;
  return room.maxTokens * FLOAT * (isRecomputed ? hiddenSize : 2 * hiddenSize + 2);
}

/** The layers of such a device are all of one kind. */
type KeptInput = Omit<LayoutInput, "stage"> & { readonly isRecomputed: boolean };

/**
 * For programs whose devices hold other parts of a model than a plan's stages: from the stage layout, of which `split`
 * devices have a share each.
 */
export function keptActivations(
  input: KeptInput,
  { hasHead, split = 1 }: { readonly hasHead: boolean; readonly split?: number },
): KeptActivations {
  const { room, isRecomputed } = input;
  const layers = { firstLayer: 0, endLayer: 1, recomputedLayers: isRecomputed ? 1 : 0 };
  const stage: Stage = { index: 0, device: 0, ...layers, embedding: false, head: false };
  const layer = slotBytes(stageLayout({ ...input, stage }), room.maxTokens);
  const ends = stageLayout({ ...input, stage: { ...stage, embedding: true, head: hasHead } });
  const whole = split === 1 ? 0 : Math.min(layer, wholeBytes(input));
  return {
    layer: whole + (layer - whole) / split,
    head: slotBytes(ends, room.maxTokens) - layer,
    workspace: ends.workBytes / split,
  };
}
