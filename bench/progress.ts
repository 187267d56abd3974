import { formatSeconds } from "../core/index.ts";
import type { CaseOutcome, CasePlace, Progress } from "./run-suite.ts";

/** Whole seconds: finer digits say nothing of a case. */
export function roughly(seconds: number): string {
  return seconds < 60 ? `${Math.ceil(seconds)} s` : formatSeconds(seconds);
}

/** "training 3 of 7: q, k, v, o, float32" */
function placeText({ suite, place, total, name }: CasePlace): string {
  return `${suite} ${place} of ${total}: ${name}`;
}

/** What became of a case, as one line. */
export function outcomeLine(place: CasePlace, outcome: CaseOutcome): string | undefined {
  switch (outcome.outcome) {
    case "measured":
      return `${placeText(place)}: ${roughly(outcome.record.seconds ?? 0)}`;
    case "kept":
      return `${placeText(place)}: kept, measured earlier today`;
    case "no time":
      return `${placeText(place)}: left out, about ${roughly(outcome.expectedSeconds)} do not fit into the time`;
    // One line for all of them ends the run.
    case "interrupted":
      return undefined;
  }
}

/** The case that runs, as one line of a terminal. */
export function runningLine(place: CasePlace, elapsed: number, columns: number): string {
  const left = Math.max(0, place.leftSeconds - elapsed);
  const times = `, ${roughly(elapsed)}, about ${roughly(left)} left`;
  const text = placeText(place);
  const room = columns - times.length - 1;
  return `${text.length > room ? `${text.slice(0, Math.max(0, room - 3))}...` : text}${times}`;
}

/** What a run tells while it goes on. */
export interface ProgressOutput extends Progress, Disposable {
  /** A line that stays. */
  say(text: string): void;
}

/** A line that a terminal draws over and over while a case runs, or a line for each case that has ended. */
export function progressTo(stream: NodeJS.WriteStream): ProgressOutput {
  if (!stream.isTTY) {
    const say = (text: string): void => void stream.write(`${text}\n`);
    return {
      say,
      begins: () => {},
      ends(place, outcome) {
        const line = outcomeLine(place, outcome);
        if (line !== undefined) say(line);
      },
      [Symbol.dispose]: () => {},
    };
  }
  let draw: (() => void) | undefined;
  const clear = (): void => void stream.write("\r\u001b[K");
  const timer = setInterval(() => draw?.(), 1000);
  timer.unref();
  const stop = (): void => {
    if (draw !== undefined) clear();
    draw = undefined;
  };
  return {
    say(text) {
      if (draw !== undefined) clear();
      stream.write(`${text}\n`);
      draw?.();
    },
    begins(place) {
      const start = performance.now();
      draw = () => {
        clear();
        stream.write(runningLine(place, (performance.now() - start) / 1000, stream.columns));
      };
      draw();
    },
    ends: stop,
    [Symbol.dispose]() {
      clearInterval(timer);
      stop();
    },
  };
}
