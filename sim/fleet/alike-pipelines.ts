import { contentHash } from "../../core/index.ts";
import type { Setting } from "../../plan/index.ts";

/** A pipeline of a setting as the only one of its own. */
export function settingOfPipeline(setting: Setting, pipeline: number): Setting {
  const { pipelines, stages, devices, links, buffers, memory, maxInFlight } = setting;
  const { firstStage, endStage, room } = pipelines[pipeline]!;
  const own = <Item>(items: readonly Item[]): Item[] => items.slice(firstStage, endStage);
  return {
    ...setting,
    maxInFlight: maxInFlight === null ? null : own(maxInFlight),
    devices: own(stages).map(({ device }) => devices[device]!),
    links: links.slice(firstStage, endStage - 1),
    stages: own(stages).map((stage, index) => ({ ...stage, index, device: index })),
    pipelines: [{ firstStage: 0, endStage: endStage - firstStage, room }],
    buffers: own(buffers),
    memory: own(memory),
  };
}

/** Numbers in the place of names: what they tell is which are the same. */
function numbered(names: readonly string[]): readonly number[] {
  const known = [...new Set(names)];
  return names.map((name) => known.indexOf(name));
}

function textOf({ devices, links, stages, pipelines, buffers, memory, maxInFlight }: Setting): string {
  return contentHash({
    devices: devices.map(({ name: _name, machine: _machine, ...device }) => device),
    machines: numbered(devices.map(({ machine }) => machine)),
    links: links.map((link) => link && { ...link, id: "" }),
    wires: numbered(links.map((link) => link?.id ?? "")),
    ...{ stages, pipelines, buffers, memory, maxInFlight },
  });
}

export interface AlikePipelines {
  /** By pipeline; those that are alike have the same. */
  readonly kinds: readonly number[];
  /** A pipeline of each kind. */
  readonly examples: readonly number[];
}

/** Pipelines that differ in the names of their devices, machines and links alone. */
export function alikePipelines(setting: Setting): AlikePipelines {
  const kinds = new Map<string, number>();
  const examples: number[] = [];
  const numbers = setting.pipelines.map((_, pipeline) => {
    const text = textOf(settingOfPipeline(setting, pipeline));
    const kind = kinds.get(text) ?? examples.length;
    if (kind === examples.length) {
      kinds.set(text, kind);
      examples.push(pipeline);
    }
    return kind;
  });
  return { kinds: numbers, examples };
}
