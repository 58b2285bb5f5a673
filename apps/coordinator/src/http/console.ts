import { NetworkError } from "@darkbloom/protocol/failures";
import type { FastifyReply, FastifyRequest } from "fastify";
import * as z from "zod";
import type { ConsoleFile, ConsoleView } from "./deps.ts";
import type { Door, Route } from "./door.ts";
import { html, sendPage, type Html } from "./page.ts";

export const CONSOLE_PREFIX = "/console";
/** The page that every address of the console begins with; it finds out from the address what to show. */
const SHELL = "index.html";

/** Only what this coordinator itself serves is run, drawn with or asked; nothing that is written into a page, in no way, is run. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

const pageSchema = (summary: string) => ({
  summary,
  tags: ["console"],
  response: { 200: { description: "A page", content: { "text/html": { schema: z.string() } } } },
});

/** Whether a person's browser asks, and no program. */
export const wantsPage = ({ headers }: Pick<FastifyRequest, "headers">): boolean =>
  headers.accept?.includes("text/html") === true;

/** `GET /console/…`: the console, whichever of its pages. */
export const showConsole = (door: Door): Route => ({
  schema: pageSchema("The console, whose pages have addresses below this one"),
  config: { access: "open", limit: "rate" },
  handler: async (request, reply) => sendConsole(door.deps.console, request, reply),
});

/** `GET /docs`: the docs are pages of the console. */
export const showDocs = (_door: Door): Route => ({
  schema: pageSchema("To the docs, which the console shows"),
  config: { access: "open", limit: "rate" },
  handler: async (_request, reply) => reply.code(303).header("location", `${CONSOLE_PREFIX}/docs`).send(),
});

/** The console, or how far it is. */
export function sendConsole(view: ConsoleView | undefined, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const state = view?.look() ?? { kind: "none" };
  switch (state.kind) {
    case "none":
      return sendPage(reply, "There is no console here", noConsole, 404);
    case "failed":
      return sendPage(reply.header("retry-after", "10"), "The console could not be built", whatToDo, 503);
    case "building":
      return sendPage(
        reply.headers({ "retry-after": "1", refresh: "1" }),
        "The console is being built",
        progress(String(state.modules)),
        503,
      );
    case "ready": {
      const shell = state.files.get(SHELL);
      if (!shell) throw new RangeError("the console was built without its page");
      void reply.headers({
        "content-security-policy": POLICY,
        "x-frame-options": "DENY",
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
      });
      return sendFile(shell, request, reply);
    }
  }
}

const progress = (modules: string): Html =>
  html`<p>This happens once for each version, and takes some seconds. ${modules} modules are read.</p>
    <progress></progress>
    <p>The page comes by itself.</p>`;

const whatToDo = html`<p>
  On the machine of the coordinator, <code>npm run build-console</code> says why and, once it works, keeps what was
  built. Then load this page again. Everything else here works as it did.
</p>`;

const noConsole = html`<p>This coordinator was started without it. <a href="/sign-in">Sign in</a></p>`;

/** `GET /console/assets/{name}`: a file whose name changes with what is in it. */
export const showAsset = ({ deps }: Door): Route => ({
  schema: {
    summary: "A file of the console",
    tags: ["console"],
    params: z.object({ name: z.string() }),
    response: { 200: { description: "The file", content: { "*/*": { schema: z.string() } } } },
  },
  config: { access: "open", limit: "none", fails: ["route_not_found"] },
  handler: async (request, reply) => {
    const { name } = z.object({ name: z.string() }).parse(request.params);
    const state = deps.console?.look();
    const file = state?.kind === "ready" ? state.files.get(`assets/${name}`) : undefined;
    if (!file) throw new NetworkError({ code: "route_not_found" });
    return sendFile(file, request, reply.header("cache-control", "public, max-age=31536000, immutable"));
  },
});

function sendFile({ type, plain, gzip }: ConsoleFile, { headers }: FastifyRequest, reply: FastifyReply): FastifyReply {
  const takesGzip = /\bgzip\b/.test([headers["accept-encoding"] ?? ""].flat().join());
  return reply
    .code(200)
    .headers({ vary: "accept-encoding", ...(takesGzip && { "content-encoding": "gzip" }) })
    .type(type)
    .send(takesGzip ? gzip : plain);
}
