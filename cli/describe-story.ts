import type { StoryPart } from "../plan/index.ts";

/** What happened to a fleet, part by part. */
export function storyText(story: readonly StoryPart[]): string {
  return story.map(({ heading, lines }) => [heading, ...lines.map((line) => `  ${line}`)].join("\n")).join("\n\n");
}
