/** A server-sent event (WHATWG HTML, section 9.2). */
export interface StreamEvent {
  /** Where the stream goes on after it; empty where nothing said. */
  readonly id: string;
  /** `notice`; or `reset`, where events were missed and what is known has to be asked for again. */
  readonly event: string;
  readonly data: string;
}

/** An event as it is sent. Its texts have no line breaks, as JSON has none. */
export function eventText({ id, event, data }: StreamEvent): string {
  return `id: ${id}\nevent: ${event}\ndata: ${data}\n\n`;
}

/** A line that says nothing, so that both sides see that the other is there. */
export const HEARTBEAT = ": \n\n";

/** Takes a stream piece by piece, cut anywhere, and gives the events that are whole. Breaks of lines are `\n`. */
export function eventParser(): (piece: string) => readonly StreamEvent[] {
  let rest = "";
  let id = "";
  return (piece) => {
    const blocks = (rest + piece).split("\n\n");
    rest = blocks.pop()!;
    return blocks.flatMap((block) => {
      const fields = new Map(
        block.split("\n").map((line) => {
          const colon = line.indexOf(":");
          return [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, "")] as const;
        }),
      );
      id = fields.get("id") ?? id;
      const data = fields.get("data");
      return data === undefined ? [] : [{ id, event: fields.get("event") ?? "message", data }];
    });
  };
}
