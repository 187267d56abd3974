import type { Rng } from "../core/index.ts";

export const oneOf = <T>(rng: Rng, values: readonly T[]): T => values[rng.nextInt(values.length)]!;
export const between = (rng: Rng, low: number, high: number): number => low + rng.nextInt(high - low + 1);
export const isOn = (rng: Rng): boolean => rng.nextInt(2) === 0;
/** No whole number, which transformers refuses where it wants a fraction. */
export const fraction = (rng: Rng, low: number, high: number): number =>
  low + Math.round(1000 * rng.nextFloat() * (high - low)) / 1000 + 0.0001;
/** A key that is there or not; each value is as likely, and so is that there is none. */
export const maybe = <T>(rng: Rng, key: string, values: readonly T[]): Readonly<Record<string, T>> => {
  const at = rng.nextInt(values.length + 1);
  return at === values.length ? {} : { [key]: values[at]! };
};

export type Keys = Readonly<Record<string, unknown>>;

export const ROPES = ["default", "linear", "llama3", "yarn", "longrope"] as const;
export type RopeKind = (typeof ROPES)[number];

/** Rotary positions, whose keys the versions of transformers have in other places. */
export interface DrawnRope {
  /** That of the family where absent. */
  readonly theta?: number;
  readonly partial?: number;
  /** `rope_type`, and what belongs to it. */
  readonly table: Keys;
  /** Gemma 3: the base of layers with a window; `null`: the family's own. */
  readonly windowTheta?: number | null;
  /** Whether the table is there also where it scales nothing. */
  readonly isSaid?: boolean;
}

export interface RopeRequest {
  readonly kind: RopeKind;
  /** Columns of a head that are turned. */
  readonly columns: number;
  /** Tokens of the longest row. */
  readonly longest: number;
  readonly maxPositions: number;
}

/** Its long factors hold for rows that are longer, of which there are some. */
export const drawOriginal = (rng: Rng, longest: number): number => between(rng, 8, Math.floor(0.8 * longest));

/** With these a head has frequencies that are kept, blended and divided. */
function drawTable(rng: Rng, { kind, columns, longest, maxPositions }: RopeRequest): Keys {
  const factor = oneOf(rng, [2, 8, fraction(rng, 1, 6)]);
  switch (kind) {
    case "default":
      return {};
    case "linear":
      return { factor };
    case "llama3": {
      const low = oneOf(rng, [1, fraction(rng, 0.5, 2)]);
      return {
        ...{ factor, low_freq_factor: low, high_freq_factor: oneOf(rng, [4, 2 * low]) },
        original_max_position_embeddings: between(rng, 8, longest),
      };
    }
    case "yarn":
      return {
        factor,
        ...maybe(rng, "original_max_position_embeddings", [longest, between(rng, 8, longest), maxPositions]),
        ...maybe(rng, "beta_fast", [32, 4, fraction(rng, 2, 9)]),
        ...maybe(rng, "beta_slow", [1, fraction(rng, 0.1, 1.5)]),
        ...maybe(rng, "truncate", [true, false]),
        ...oneOf(rng, [
          {},
          { attention_factor: fraction(rng, 0.5, 2) },
          { mscale: fraction(rng, 0.5, 2), mscale_all_dim: fraction(rng, 0.5, 2) },
          { mscale: fraction(rng, 0.5, 2) },
        ]),
      };
    case "longrope": {
      const factors = (most: number) => Array.from({ length: columns / 2 }, () => fraction(rng, 1, most));
      return { short_factor: factors(2), long_factor: factors(8) };
    }
  }
}

export function drawRope(rng: Rng, request: RopeRequest): DrawnRope {
  return {
    ...maybe(rng, "theta", [500, 10_000, 1_000_000, fraction(rng, 50, 50_000)]),
    table: { rope_type: request.kind, ...drawTable(rng, request) },
  };
}

/**
 * `4`: the base beside `rope_scaling`. `5`: the base in `rope_parameters`. `saved`: as transformers 5 writes what it has
 * read of the latter, with every key of the family.
 */
export const LAYOUTS = ["4", "5", "saved"] as const;
export type Layout = (typeof LAYOUTS)[number];

function inVersion4({ theta, partial, table, windowTheta, isSaid }: DrawnRope, name: string): Keys {
  const { rope_type: kind, ...rest } = table;
  return {
    ...(theta === undefined ? {} : { rope_theta: theta }),
    rope_scaling: kind === "default" && isSaid !== true ? null : { [name]: kind, ...rest },
    ...(partial === undefined ? {} : { partial_rotary_factor: partial }),
    ...(windowTheta === undefined || windowTheta === null ? {} : { rope_local_base_freq: windowTheta }),
  };
}

function inVersion5({ theta, partial, table, windowTheta }: DrawnRope): Keys {
  const own = {
    ...(theta === undefined ? {} : { rope_theta: theta }),
    ...(partial === undefined ? {} : { partial_rotary_factor: partial }),
    ...table,
  };
  if (windowTheta === undefined) return { rope_parameters: own };
  const sliding = { rope_type: "default", ...(windowTheta === null ? {} : { rope_theta: windowTheta }) };
  return { rope_parameters: { full_attention: own, sliding_attention: sliding } };
}

/** The keys of rotary positions in a layout; `older`: where the kind of scaling has its old name. */
export function ropeKeys(rope: DrawnRope, layout: Layout, older: boolean): Keys {
  return layout === "4" ? inVersion4(rope, older ? "type" : "rope_type") : inVersion5(rope);
}
