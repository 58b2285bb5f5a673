import { printable } from "@darkbloom/protocol/printable";
import { WrongUsage, CommandFailed } from "../failure.ts";
import { isLoopback } from "../listening.ts";
import { baseOf, jsonOf, publishedAt } from "../published.ts";
import { SAID_CHARS_MAX, SESSION_ANSWER_BYTES_MAX, SESSION_ANSWER_WAIT_MS, SESSION_CHARS_MAX } from "./limits.ts";

/** What a coordinator answered about a session. */
export interface Told {
  readonly status: number;
  /** A member of the answer, if it is a text; on one line, whatever is in it. */
  text(name: string): string | undefined;
  number(name: string): number | undefined;
  /** The object below that name, read in the same way. */
  below(name: string): Told;
}

interface Question {
  readonly method: "GET" | "POST" | "DELETE";
  readonly session?: string;
  readonly form?: Readonly<Record<string, string>>;
}

/** Who has it acts as the person. It goes over no line that others can read. @throws WrongUsage */
export function assertPrivate({ protocol, hostname, href }: URL): void {
  if (protocol === "https:" || isLoopback(hostname.replace(/^\[(.*)\]$/, "$1"))) return;
  throw new WrongUsage(
    `A session can be read on the way to ${href}. Name a coordinator by https://, or on this machine.`,
  );
}

/** Asks the one coordinator; an answer that leads elsewhere is not followed. @throws CommandFailed where none comes */
export async function ask(coordinator: URL, path: string, { method, session, form }: Question): Promise<Told> {
  assertPrivate(coordinator);
  const shown = await publishedAt(new URL(path, baseOf(coordinator)), {
    waitMsMax: SESSION_ANSWER_WAIT_MS,
    bytesMax: SESSION_ANSWER_BYTES_MAX,
    method,
    refusalsToo: true,
    headers: {
      ...(session !== undefined && { authorization: `Bearer ${session}` }),
      ...(form && { "content-type": "application/x-www-form-urlencoded" }),
    },
    ...(form && { body: new URLSearchParams(form).toString() }),
  });
  return toldIn(shown.status, jsonOf(shown));
}

export function toldIn(status: number, body: unknown): Told {
  const member = (name: string): unknown =>
    typeof body === "object" && body !== null ? Reflect.get(body, name) : undefined;
  return {
    status,
    text: (name) => {
      const value = member(name);
      return typeof value === "string" && value.length <= SAID_CHARS_MAX ? printable(value) : undefined;
    },
    number: (name) => {
      const value = member(name);
      return typeof value === "number" && value >= 0 && value < Infinity ? value : undefined;
    },
    below: (name) => toldIn(status, member(name)),
  };
}

/** A session as it can stand in a header; undefined for anything else. */
export const sessionIn = (text: string | undefined): string | undefined =>
  text !== undefined && text.length <= SESSION_CHARS_MAX && /^darkbloom-session-[\w-]+$/.test(text) ? text : undefined;

export const notUnderstood = (
  coordinator: URL,
  { status }: Pick<Told, "status">,
  options?: ErrorOptions,
): CommandFailed =>
  new CommandFailed(
    `What ${coordinator.href} answers (status ${status}) was not understood. Is it a coordinator, and of this version?`,
    options,
  );
