import type { Device, Handle, MatrixSource, TableSource, WeightData } from "../native/index.ts";

/** A source whose data are read only when they are needed. */
type Lazy<Source extends { readonly data: WeightData }> = Omit<Source, "data" | "sharedAs"> & {
  readonly data: () => WeightData;
};

/**
 * Loads a base model's frozen weights. What another device of the same memory has loaded is neither read nor packed
 * again.
 */
export interface WeightLoader {
  /** Until it has ended nothing else may be asked of the device. */
  loadMatrix(source: Lazy<MatrixSource>): Promise<Handle>;
  loadVector(name: string, data: () => Float32Array): Handle;
  loadTable(name: string, source: Lazy<TableSource>): Handle;
}

/** Keys are those of one base model: a runtime runs one. */
export function weightLoader(device: Device): WeightLoader {
  return {
    async loadMatrix(source) {
      const { name, dtype, backward, forMagnitudes, data } = source;
      const directions = backward ? "both directions" : "forward";
      const sharedAs = `${name}, ${dtype ?? "float32"}, ${directions}${forMagnitudes === true ? ", magnitudes" : ""}`;
      return (
        device.shareWeights("matrix", sharedAs) ?? (await device.packMatrix({ ...source, data: data(), sharedAs }))
      );
    },
    loadVector: (name, data) => device.shareWeights("vector", name) ?? device.loadVector(data(), name),
    loadTable(name, source) {
      const sharedAs = `${name}, ${source.dtype ?? "float32"}`;
      return device.shareWeights("table", sharedAs) ?? device.loadTable({ ...source, data: source.data(), sharedAs });
    },
  };
}
