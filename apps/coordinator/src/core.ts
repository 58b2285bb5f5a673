import { NetworkError } from "@darkbloom/protocol/failures";
import { Deadlines, within } from "@darkbloom/protocol/time";
import type { HttpDeps } from "./http/deps.ts";
import type { Events } from "./events/events.ts";
import { DRAIN_RETRY_SEC } from "./http/failure.ts";
import type { Ask } from "./inference/ask.ts";
import type { Net } from "./inference/net.ts";
import type { Reply } from "./inference/reply.ts";
import { serve } from "./inference/serve.ts";
import { passOn } from "./ledger/pass-on.ts";
import { RatedKeys } from "./limits/key-rates.ts";
import { Unopened } from "./limits/unopened.ts";
import { hostProvider, type Stay } from "./machines/connection/host-provider.ts";
import type { Arrival, SessionNet } from "./machines/connection/net.ts";
import type { Wire } from "./machines/connection/wire.ts";
import { Fleet } from "./machines/fleet.ts";
import type { NetworkKey } from "./machines/ports.ts";
import { MachineRecords } from "./machines/records/records.ts";
import type { Grievance } from "./machines/records/standings.ts";
import { Slots, type Turns } from "./machines/slots.ts";
import { serialNames, type SerialDisclosure } from "./machines/trust/serial-names.ts";

/** How often a drain says how many requests are left. */
const PROGRESS_TOLD_EVERY_MS = 5_000;

/** All that a coordinator's rules need from outside: real adapters, or simulated ones. */
export interface CorePorts
  extends
    Omit<Net, "fleet" | "slots" | "unopened" | "ratedKeys">,
    Omit<SessionNet, keyof Net | "records" | "serials" | "deadlines"> {
  readonly networkKey: NetworkKey;
  readonly serialDisclosure: SerialDisclosure;
  /** Where there are other coordinators. */
  readonly turns?: Turns | undefined;
  /** What earlier processes held against machines; `keep` is given what this one adds. */
  readonly grievances?: { readonly known: Iterable<Grievance>; readonly keep: (grievance: Grievance) => void };
}

/** The coordinator without its edges: requests and machines come in, and it knows what still runs. Built once. */
export class Core implements Disposable {
  readonly net: Net;
  readonly sessionNet: SessionNet;
  readonly #serving = new Set<Promise<void>>();
  readonly #shutdown = new AbortController();
  #isDraining = false;

  constructor({ networkKey, serialDisclosure, grievances, turns, ...ports }: CorePorts) {
    const fleet = new Fleet(ports.defer);
    this.net = {
      ...ports,
      fleet,
      slots: new Slots(fleet, ports.clock, ports.random, turns),
      unopened: new Unopened(ports.clock),
      ratedKeys: new RatedKeys(ports.clock),
    };
    ports.owners.watch(({ account, machineId }, change) => {
      if (change === "seen")
        passOn(ports, machineId, account).catch((error) => ports.events.bug({ where: "background" }, error));
      else if (change === "unlinked") fleet.unlinked(account, machineId);
      else fleet.decidedOn(machineId);
    });
    const serials = serialNames(networkKey, serialDisclosure);
    const records = new MachineRecords(ports.clock, grievances?.known, grievances?.keep);
    this.sessionNet = { ...ports, fleet, deadlines: new Deadlines(ports.clock), records, serials };
  }

  /** One request, start to end. Throws NetworkError, before or after `reply.begin`. */
  async serve(ask: Ask, reply: Reply): Promise<void> {
    const served = serve(this.net, ask, reply);
    this.#serving.add(served);
    await served.finally(() => this.#serving.delete(served));
  }

  /** The coordinator's end of a machine's new connection. */
  host(wire: Wire, arrival: Arrival): Stay {
    return hostProvider(this.sessionNet, wire, arrival);
  }

  get events(): Events {
    return this.net.events;
  }

  /** What the HTTP edge has of it. */
  get edge(): Pick<
    HttpDeps,
    | "catalog"
    | "ledger"
    | "fleet"
    | "clock"
    | "random"
    | "crypto"
    | "serials"
    | "owners"
    | "records"
    | "coordinatorKeys"
    | "events"
    | "unopened"
    | "serve"
    | "work"
    | "isDraining"
    | "shutdown"
  > {
    const { keyId: id, publicKey } = this.net.countersigner;
    return {
      ...this.net,
      serials: this.sessionNet.serials,
      owners: this.sessionNet.owners,
      records: this.sessionNet.records,
      coordinatorKeys: [{ id, publicKey }],
      serve: (ask, reply) => this.serve(ask, reply),
      work: () => ({
        open: this.serving,
        waitingBytes: this.net.slots.waitingBytes,
        queues: this.net.slots.queues(),
      }),
      isDraining: () => this.#isDraining,
      shutdown: this.shutdown,
    };
  }

  /** Aborts, with `draining`, when what still runs can be waited for no longer. */
  get shutdown(): AbortSignal {
    return this.#shutdown.signal;
  }

  /** How many requests run. */
  get serving(): number {
    return this.#serving.size;
  }

  /** Takes no new requests, and waits for those that run, for so long at most. */
  async drain(waitMs: number, onProgress?: (left: number) => void): Promise<void> {
    this.#isDraining = true;
    this.net.events.stopping({ running: this.serving });
    const telling = setInterval(() => onProgress?.(this.serving), PROGRESS_TOLD_EVERY_MS);
    try {
      await within(this.net.clock, waitMs, this.emptied());
    } finally {
      clearInterval(telling);
    }
  }

  /** Who still waits is told why nothing more comes. */
  end(): void {
    this.#shutdown.abort(new NetworkError({ code: "draining", retryAfterSec: DRAIN_RETRY_SEC }));
  }

  /** A request whose body was still on its way is served as well, and waited for like those that ran before. */
  async emptied(): Promise<void> {
    while (this.#serving.size > 0) await Promise.allSettled(this.#serving);
  }

  [Symbol.dispose](): void {
    this.net.slots[Symbol.dispose]();
  }
}
