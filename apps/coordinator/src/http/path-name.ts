import { NetworkError, type Failure } from "@darkbloom/protocol/failures";
import { isPrintable } from "@darkbloom/protocol/printable";
import type { FastifyRequest } from "fastify";

/**
 * What a path names, to be looked up in a database.
 *
 * @param unknown thrown for a name that nobody can have: PostgreSQL refuses some texts that are not printable
 */
export function nameIn({ params }: Pick<FastifyRequest, "params">, parameter: string, unknown: Failure): string {
  const name: unknown = typeof params === "object" && params !== null ? Reflect.get(params, parameter) : undefined;
  if (typeof name !== "string" || !isPrintable(name)) throw new NetworkError(unknown);
  return name;
}
