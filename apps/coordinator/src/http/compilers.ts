import type { FastifyServerOptions } from "fastify";

const unset = (): never => {
  throw new RangeError("a server of ours sets the compilers of its schemas itself");
};

/** Fastify loads its own compilers, and all that they stand on, unless it is told at its making that there will be others. */
export const otherCompilers: NonNullable<FastifyServerOptions["schemaController"]> = {
  compilersFactory: { buildValidator: unset, buildSerializer: unset },
};
