import type { FastifyInstance, RouteOptions } from "fastify";
import { z } from "zod";
import type { Route } from "./door.ts";

/** What a server's routes come to as an API description. It is made once, for whoever asks first: most starts need none. */
export class Described {
  readonly #version: string;
  readonly #routes: RouteOptions[] = [];
  #document: Promise<string> | undefined;

  /** @param app of whose routes each one from now on is described that does not hide */
  constructor(app: Pick<FastifyInstance, "addHook">, version: string) {
    this.#version = version;
    app.addHook("onRoute", (route) => {
      if (route.schema?.hide !== true && route.method !== "HEAD") this.#routes.push(route);
    });
  }

  document(): Promise<string> {
    this.#document ??= import("./openapi.ts").then(({ documentOf }) => documentOf(this.#version, this.#routes));
    return this.#document;
  }
}

/** `GET /openapi.json` */
export const showOpenApi = (described: Pick<Described, "document">): Route => ({
  schema: {
    summary: "This description",
    tags: ["guide"],
    response: {
      200: { description: "An OpenAPI 3.1 document", content: { "application/json": { schema: z.looseObject({}) } } },
    },
  },
  config: { access: "open", limit: "rate" },
  handler: async (_request, reply) => reply.type("application/json; charset=utf-8").send(await described.document()),
});
