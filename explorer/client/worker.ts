// A worker of the page: answers one question after another.
import "./interpreted-schemas.ts";
import type { Question } from "../question.ts";
import { replyTo } from "../reply.ts";

addEventListener("message", ({ data }: MessageEvent<Question>) => {
  postMessage(replyTo(data));
});
