import { InputError } from "../../core/index.ts";
import {
  chains,
  type FleetWork,
  fleetSetting,
  joinPipelines,
  type PipelinePart,
  type PlanBody,
  type PlanRequest,
  type Setting,
} from "../../plan/index.ts";
import { planUnpredicted } from "../predict-plan.ts";
import { worksOfPlan } from "./simulate-fleet.ts";

/** Pipelines that each have room for all kinds of jobs, and one job of each kind. */
export interface KindFleet {
  readonly setting: Setting;
  readonly kinds: readonly FleetWork[];
}

/** A pipeline for each machine, where nobody said how many. */
function chainsOf({ devices, pipelines }: PlanRequest): readonly (readonly number[])[] {
  const machines = new Set(devices.map(({ machine }) => machine)).size;
  const count = typeof pipelines === "number" ? pipelines : machines;
  if (count > devices.length)
    throw new InputError({
      expected: `at most ${devices.length} pipelines on ${devices.length} devices`,
      at: "--pipelines",
      got: count,
    });
  return chains(devices, count);
}

/** What tells one chain's plan from another's: its devices and links but for their names. */
function chainKey(request: Pick<PlanRequest, "devices" | "links">): string {
  const devices = request.devices.map(({ name: _name, machine: _machine, ...device }) => device);
  return JSON.stringify({ devices, links: request.links.map(({ id: _id, ...link }) => link) });
}

/** A plan for other devices and links that are alike. */
function withDevices(body: PlanBody, { devices, links }: Pick<PlanRequest, "devices" | "links">): PlanBody {
  return { ...body, devices: [...devices], links: [...links] };
}

/**
 * The pipelines of a fleet whose jobs are of a request's kinds: each one is planned by itself for a job of every kind. @throws InputError, PlanError
 */
export function planKinds(request: PlanRequest): KindFleet {
  const { jobs, jobsAtOnce } = request;
  const planned = new Map<string, PlanBody>();
  const bodies = chainsOf(request).map((chain) => {
    const own = {
      devices: chain.map((device) => request.devices[device]!),
      links: chain.slice(1).map((device) => request.links[device - 1]!),
    };
    const key = chainKey(own);
    const body =
      planned.get(key) ??
      planUnpredicted({
        ...request,
        ...own,
        pipelines: 1,
        groups: "unfused",
        jobs: jobs.map((job) => ({ ...job, arrivalSeconds: 0 })),
      }).body;
    planned.set(key, body);
    return withDevices(body, own);
  });
  const parts = bodies.map(
    (body, pipeline): PipelinePart => ({ body, jobs: body.jobs.map((_, job) => pipeline * body.jobs.length + job) }),
  );
  const most = typeof jobsAtOnce === "number" ? { jobsAtOnce } : {};
  return { setting: fleetSetting(joinPipelines(parts), most), kinds: worksOfPlan(bodies[0]!) };
}
