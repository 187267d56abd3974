import { InputError } from "../../core/index.ts";
import { encodeFloats, type FloatType } from "./float-formats.ts";
import { writePiecesOfTensors } from "./write-pieces.ts";

export interface TensorToWrite {
  readonly name: string;
  /** Row major; the product is the number of values. */
  readonly shape: readonly number[];
  readonly values: Float32Array;
  /** The stored type, F32 when absent; values are rounded to nearest even. */
  readonly type?: FloatType;
}

function sortedByName(tensors: readonly TensorToWrite[], file: string): readonly TensorToWrite[] {
  const sorted = tensors.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  for (const [index, { name, shape, values }] of sorted.entries()) {
    if (name === "__metadata__" || name === sorted[index - 1]?.name) {
      throw new InputError({
        expected: "tensor names that differ from each other",
        file,
        at: `tensor ${name}`,
        got: name,
      });
    }
    const count = shape.reduce((product, size) => product * size, 1);
    if (count !== values.length) {
      throw new InputError({
        expected: `${count} values for [${shape.join(", ")}]`,
        file,
        at: `tensor ${name}`,
        got: values.length,
      });
    }
  }
  return sorted;
}

/**
 * Writes a safetensors file whose bytes depend on nothing but the arguments: names sorted, the header padded with
 * spaces so that the data starts at a multiple of 8. It appears under its name only when it is whole.
 * @throws InputError for a name given twice or a shape that does not match its values
 */
export function writeSafetensors(
  file: string,
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>> = {},
): void {
  const sorted = sortedByName(tensors, file);
  writePiecesOfTensors(
    file,
    sorted.map(({ name, shape, values, type = "F32" }) => ({
      ...{ name, shape, type },
      pieces: () => [encodeFloats(values, type)],
    })),
    metadata,
  );
}
