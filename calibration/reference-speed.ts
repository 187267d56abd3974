import { weightedMedian } from "../core/index.ts";
import { type DeviceSpeed, isProduct } from "../plan/index.ts";
import { slowdown } from "../traces/index.ts";

/** A time, and how fast its device was then; undefined where nobody looked. */
interface Timed {
  readonly seconds: number;
  readonly speed: DeviceSpeed | undefined;
}

/** The middle speed over some work; undefined where nobody looked. */
export function referenceSpeed(work: readonly Timed[]): DeviceSpeed | undefined {
  const known = work.flatMap(({ seconds, speed }) => (speed === undefined ? [] : [{ seconds, ...speed }]));
  if (known.length === 0) return undefined;
  const middle = (rate: (speed: DeviceSpeed) => number): number =>
    weightedMedian(
      known.map(rate),
      known.map(({ seconds }) => seconds),
    );
  return { product: middle(({ product }) => product), copy: middle(({ copy }) => copy) };
}

function secondsAt(reference: DeviceSpeed | undefined, { seconds, speed }: Timed, products: number): number {
  return reference === undefined || speed === undefined ? seconds : seconds * slowdown(products, reference, speed);
}

/** What actions would have taken at another speed; `products`: the share of products in their time as it was. */
export function actionsAtSpeed<Action extends Timed & { readonly products: number }>(
  actions: readonly Action[],
  reference: DeviceSpeed | undefined,
): readonly Action[] {
  return actions.map((action) => ({ ...action, seconds: secondsAt(reference, action, action.products) }));
}

/** What operators would have taken at another speed; each is a product or is not. */
export function operatorsAtSpeed<Operator extends Timed & { readonly kind: string }>(
  operators: readonly Operator[],
  reference: DeviceSpeed | undefined,
): readonly Operator[] {
  return operators.map((operator) => ({
    ...operator,
    seconds: secondsAt(reference, operator, isProduct(operator) ? 1 : 0),
  }));
}
