import { microUsd, type MicroUsd } from "@darkbloom/protocol/money";
import { isPrintable } from "@darkbloom/protocol/printable";
import * as z from "zod";
import type { Scope } from "../accounts/operator-tokens.ts";
import type { Admin } from "./operations.ts";

/** An operation of `Admin` as it goes over HTTP: where it is, what is sent and what comes back. */
export interface AdminCall<Given extends readonly unknown[] = never[], Done = unknown> {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly summary: string;
  /** With which a program's token may ask for it; undefined: none may. */
  readonly scope?: Scope;
  /** And with which besides, for what a body asks for. */
  besides?(body: unknown): Scope | undefined;
  /** Of a GET: its query. */
  readonly body: z.ZodType;
  readonly answer: z.ZodType;
  /** The body that asks for it; undefined: none. */
  send(...given: Given): unknown;
  /** Does what a body asks for, and answers. */
  perform(admin: Admin, body: unknown): Promise<unknown>;
  /** @throws where it is no such answer */
  read(answer: unknown): Done;
}

/** One row of the table below: both ways, so that neither end says anything of the other's. */
interface Row<Given extends readonly unknown[], Done, Body, Answer> {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly summary: string;
  readonly scope?: Scope;
  readonly besides?: (body: Body) => Scope | undefined;
  readonly body: z.ZodType<Body>;
  readonly answer: z.ZodType<Answer>;
  readonly send: (...given: Given) => Body;
  readonly act: (admin: Admin, body: Body) => Promise<Done>;
  readonly tell: (done: Done) => Answer;
  readonly read: (answer: Answer) => Done;
}

type DoneBy<Name extends keyof Admin> = Awaited<ReturnType<Admin[Name]>>;
export type CallOf<Name extends keyof Admin> = AdminCall<Parameters<Admin[Name]>, DoneBy<Name>>;

export const call = <Name extends keyof Admin, Body, Answer>(
  _name: Name,
  { act, tell, read, besides, ...row }: Row<Parameters<Admin[Name]>, DoneBy<Name>, Body, Answer>,
): CallOf<Name> => ({
  ...row,
  ...(besides && { besides: (body: unknown) => besides(row.body.parse(body)) }),
  perform: async (admin, body) => tell(await act(admin, row.body.parse(body))),
  read: (answer) => read(row.answer.parse(answer)),
});

/** Of a call that is asked for nothing. */
export const nothing = z.undefined();
/** JSON's numbers are doubles elsewhere. */
export const money = z
  .string()
  .regex(/^-?\d{1,20}$/)
  .describe("Micro-USD, as text");
export const amount = z
  .string()
  .regex(/^\d{1,20}$/)
  .describe("Micro-USD, as text");
export const moneyOf = (digits: string): MicroUsd => microUsd(BigInt(digits));
/** PostgreSQL refuses some texts that are not printable, where others find nothing. */
export const id = z.string().min(1).max(128).refine(isPrintable);
export const at = z.int().describe("Milliseconds since 1970");
