// A part of the page that is drawn anew: what is as it was stays, with the focus, what is selected and what is unfolded.

function keyOf(node: Node | null): string | undefined {
  return node instanceof Element ? (node.getAttribute("data-key") ?? undefined) : undefined;
}

function patchAttributes(old: Element, made: Element): void {
  // Whether something is unfolded is for whoever reads to say.
  for (const name of old.getAttributeNames())
    if (!made.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  for (const name of made.getAttributeNames()) {
    const value = made.getAttribute(name)!;
    if (old.getAttribute(name) === value || name === "open") continue;
    // The page's policy lets no style be set as an attribute.
    if (name === "style") (old as HTMLElement).style.cssText = (made as HTMLElement).style.cssText;
    else old.setAttribute(name, value);
  }
}

function patchChildren(old: Element, made: Element): void {
  const byKey = new Map([...old.children].map((child) => [keyOf(child), child]));
  const wanted = new Set([...made.children].map(keyOf));
  for (const [key, child] of byKey) if (key !== undefined && !wanted.has(key)) child.remove();
  let at = old.firstChild;
  for (const child of [...made.childNodes]) {
    const key = keyOf(child);
    const same: ChildNode | null = key === undefined ? at : (byKey.get(key) ?? null);
    if (same === null || same.nodeName !== child.nodeName || keyOf(same) !== key) {
      old.insertBefore(child, at);
      continue;
    }
    // One that has gone further down leaves the others where they are.
    if (same !== at && same === at?.nextSibling) {
      old.append(at);
      at = same;
    }
    if (same === at) at = at.nextSibling;
    else old.insertBefore(same, at);
    patch(same, child);
  }
  while (at !== null) {
    const next: ChildNode | null = at.nextSibling;
    at.remove();
    at = next;
  }
}

/**
 * Makes a node like another one of its name. Elements with the same `data-key` below the same parent are the same. What
 * listens to the old ones still does; to the new ones nothing may.
 */
export function patch(old: Node, made: Node): void {
  if (old instanceof Element && made instanceof Element) {
    patchAttributes(old, made);
    patchChildren(old, made);
  } else if (old.nodeValue !== made.nodeValue) old.nodeValue = made.nodeValue;
}
