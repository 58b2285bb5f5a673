import { createHash } from "node:crypto";
import type { FastifyReply } from "fastify";

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem;color:#1b1b1f;background:#fff}
h1{font-size:1.4rem}dt{color:#666}dd{margin:0 0 .6rem}button,input{font:inherit;padding:.5rem 1rem;margin:.3rem .5rem .3rem 0}
code{background:#f1f1f4;padding:.1rem .3rem}.code{font-size:1.6rem;letter-spacing:.1em}
@media(prefers-color-scheme:dark){body{color:#e8e8ec;background:#17171a}dt{color:#aaa}code{background:#2a2a30}}`;

/** No script runs but one of ours, nothing is fetched, no other page may frame this one, and forms go nowhere else. */
const POLICY = `default-src 'none'; style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`;

/** Text that is markup already. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** A program of ours in a page, which alone may run there. */
export class Script {
  readonly element: Html;
  /** What a policy knows it by. */
  readonly source: string;

  constructor(text: string) {
    this.element = new Html(`<script>${text}</script>`);
    this.source = `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
  }
}

/** Written out here: the hash in the policy is of every byte between the tags. */
const styleElement = new Html(`<style>${STYLE}</style>`);

const escapes: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Markup of ours with others' words in it, which stay words. */
export const html = (markup: TemplateStringsArray, ...words: readonly (string | Html)[]): Html =>
  new Html(
    String.raw(
      { raw: markup },
      ...words.map((word) =>
        word instanceof Html ? word.text : word.replaceAll(/[&<>"']/g, (one) => escapes[one] ?? one),
      ),
    ),
  );

/** A page for a person, whole as it is sent. The address in a `Referer` would tell secrets of links; `Origin` must still be sent. */
export function sendPage(reply: FastifyReply, title: string, body: Html, status = 200, script?: Script): FastifyReply {
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        ${styleElement}
      </head>
      <body>
        <h1>${title}</h1>
        ${body} ${script?.element ?? html``}
      </body>
    </html> `;
  return reply
    .code(status)
    .headers({
      "content-security-policy": script ? `${POLICY}; script-src ${script.source}` : POLICY,
      "x-frame-options": "DENY",
      "referrer-policy": "same-origin",
      "cross-origin-opener-policy": "same-origin",
    })
    .type("text/html; charset=utf-8")
    .serializer((text: string) => text)
    .send(page.text);
}
