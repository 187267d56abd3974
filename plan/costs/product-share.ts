/**
 * Operators whose time is multiplying; the others' is moving memory. By the first part of a kind, as
 * `OperatorCall.kind` has it.
 */
const PRODUCTS: ReadonlySet<string> = new Set(["matmul", "head", "headLoss", "attention", "lora"]);

/** Whether an operator gets slower as products do, and not as memory does. */
export function isProduct({ kind }: { readonly kind: string }): boolean {
  return PRODUCTS.has(kind.split(":", 1)[0]!);
}

/** The share of products in the time of some operators; 0 for none. */
export function productShare(parts: readonly { readonly kind: string; readonly seconds: number }[]): number {
  let [products, all] = [0, 0];
  for (const part of parts) {
    all += part.seconds;
    if (isProduct(part)) products += part.seconds;
  }
  return all === 0 ? 0 : products / all;
}
