// Contrast of the pages' colours by WCAG 2.2: 1.4.3 for texts, 1.4.11 for lines and marks that carry meaning.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const css = readFileSync(new URL("../../reports/client/style.css", import.meta.url), "utf8");
const [light, dark] = [...css.matchAll(/:root \{([^}]*)\}/g)].map(([, block]) =>
  Object.fromEntries([...block!.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, name, colour]) => [name!, colour!])),
) as [Readonly<Record<string, string>>, Readonly<Record<string, string>>];

function luminance(colour: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(a: string, b: string): number {
  const [low, high] = [luminance(a), luminance(b)].sort((one, other) => one - other) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

describe.each([
  ["light", light],
  ["dark", dark],
])("the %s colours of the pages", (_, colours) => {
  it.each([
    ...["ink", "muted", "accent", "off"].flatMap((text) => ["page", "panel", "track"].map((ground) => [text, ground])),
    ["good", "badge"],
    ["off", "badge-off"],
  ] as [string, string][])("let %s be read on %s", (text, ground) => {
    expect(contrast(colours[text]!, colours[ground]!)).toBeGreaterThanOrEqual(4.5);
  });

  it.each([
    ...Array.from({ length: 8 }, (_, hue) => `hue-${hue}`),
    ...["simulated", "executed", "muted", "accent", "off"],
  ])("let a line in %s be seen on a panel", (line) => {
    expect(contrast(colours[line]!, colours["panel"]!)).toBeGreaterThanOrEqual(3);
  });
});
