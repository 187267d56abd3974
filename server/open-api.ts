import { z } from "zod";
import { VERSION } from "../files/index.ts";
import { MESSAGES, type openApiSchema } from "./messages.ts";
import { ANY_REFUSALS, type Route } from "./route.ts";

const REFUSALS: Readonly<Record<number, string>> = {
  400: "The request is malformed.",
  401: "The token is missing or another one.",
  403: "The request comes from another host or page.",
  404: "There is no such job, model or path.",
  409: "The job is not where it would have to be, or its name is in use.",
  413: "The body is too large.",
  415: "The body is not JSON.",
  422: "The job cannot be used.",
  429: "Too many jobs wait, or too many requests come at a time.",
  500: "A fault of the server.",
  503: "The fleet takes no more of these now, loads its model still, or has no memory for an answer.",
};

type Schema = Readonly<Record<string, unknown>>;

const uri = (id: string): string => `#/components/schemas/${id}`;

/** All messages by name; those inside of others by reference. */
function componentSchemas(): Readonly<Record<string, Schema>> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(MESSAGES)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, { uri, io: "input" });
  return Object.fromEntries(
    Object.entries(schemas).map(([id, { $schema: _schema, $id: _id, ...schema }]) => [id, schema as Schema]),
  );
}

function reference(schema: z.ZodType): Schema {
  const found = Object.entries(MESSAGES).find(([, each]) => each === schema);
  if (found !== undefined) return { $ref: uri(found[0]) };
  const { $schema: _, ...own } = z.toJSONSchema(schema, { io: "input" });
  return own;
}

const inJson = (schema: Schema): Schema => ({ "application/json": { schema } });

/** One parameter for each member of an object's schema. */
function parameters(place: "path" | "query", schema: z.ZodType | undefined): readonly Schema[] {
  if (schema === undefined) return [];
  const { properties = {} } = z.toJSONSchema(schema, { io: "input" });
  return Object.entries(properties).map(([name, member]) => ({
    name,
    in: place,
    required: place === "path",
    schema: member,
  }));
}

function contentOf({ answer }: Route): Schema {
  const asEvents = { "text/event-stream": { schema: { type: "string" } } };
  if (answer.media === "application/json")
    return { ...inJson(reference(answer.schema)), ...(answer.streams ? asEvents : {}) };
  return { [answer.media]: { schema: { type: "string" } } };
}

function operation(route: Route): Schema {
  const refusals = [...ANY_REFUSALS, 401, ...(route.body === undefined ? [] : [413, 415]), ...route.refusals];
  const error = { $ref: uri(route.errors === "openai" ? "AnswerError" : "Error") };
  const refused = [...new Set(refusals)].map((status) => [
    status,
    { description: REFUSALS[status], content: inJson(error) },
  ]);
  const body = route.body && { required: true, content: inJson(reference(route.body)) };
  const fromAddress = [...parameters("path", route.params), ...parameters("query", route.query)];
  return {
    operationId: route.id,
    summary: route.summary,
    ...(fromAddress.length === 0 ? {} : { parameters: fromAddress }),
    ...(body === undefined ? {} : { requestBody: body }),
    responses: {
      [route.status]: { description: "Done.", content: contentOf(route) },
      ...Object.fromEntries(refused),
    },
  };
}

/** The OpenAPI 3.1 document of these routes. */
export function openApi(routes: readonly Route[]): z.input<typeof openApiSchema> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, "{$1}");
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: "3.1.0",
    info: { title: "loratwin serve", version: VERSION, description: "A fleet that trains while jobs come and go." },
    paths,
    components: {
      schemas: componentSchemas(),
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "Over TCP; the socket asks for none." },
      },
    },
    security: [{ token: [] }, {}],
  };
}
