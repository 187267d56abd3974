import { Fifo } from "../core/index.ts";
import { EventLog } from "./event-log.ts";
import type { DecisionsNotice, FleetControl, Notice } from "./fleet-control.ts";
import type { Limits } from "./limits.ts";
import { LossCurves } from "./loss-curves.ts";
import type { LossCurve } from "./messages.ts";
import { PrometheusMetrics } from "./prometheus-metrics.ts";
import { type NamedSamples, SampleLog } from "./sample-log.ts";

/** What a server remembers of what its fleet told. */
export interface Observed extends Disposable {
  readonly log: EventLog;
  curves(): readonly LossCurve[];
  samples(): readonly NamedSamples[];
  decisions(): readonly DecisionsNotice[];
  readonly metrics: PrometheusMetrics;
}

/** `send` gets each event as it goes to those who listen. */
export function observeFleet(
  control: FleetControl,
  epoch: string,
  limits: Limits,
  send: (text: string) => void,
): Observed {
  const log = new EventLog(epoch, limits);
  const curves = new LossCurves(limits.keptCurves);
  const samples = new SampleLog(limits.keptCurves);
  const decisions = new Fifo<DecisionsNotice>();
  const metrics = new PrometheusMetrics(control, limits);
  const keep = (notice: Notice): void => {
    metrics.add(notice);
    if (notice.kind === "step") curves.add(notice);
    if (notice.kind === "sample") samples.add(notice);
    if (notice.kind === "decisions") {
      decisions.add(notice);
      if (decisions.size > limits.keptDecisions) decisions.take();
    }
  };
  control.takePast?.().forEach(keep);
  const unsubscribe = control.subscribe((notice) => {
    keep(notice);
    send(log.add(notice));
  });
  return {
    ...{ log, metrics },
    curves: () => curves.all(),
    samples: () => samples.all(),
    decisions: () => [...decisions],
    [Symbol.dispose]: unsubscribe,
  };
}
