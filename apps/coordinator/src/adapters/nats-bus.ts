import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { ErrorForPeople } from "@darkbloom/protocol/for-people";
import type * as Nats from "@nats-io/transport-node";
import type { ConnectionOptions, NatsConnection, Subscription } from "@nats-io/transport-node";
import { BUS_PAYLOAD_BYTES_MAX, type Bus } from "../cluster/bus.ts";
import type { NatsAddress } from "./nats-address.ts";

/** Between two attempts to reach a server that is away. */
const NATS_RETRY_MS = 500;
/** A server that answers nothing is asked for a sign of life this often, and is away after two in vain. */
const NATS_PING_EVERY_MS = 3_000;
const NATS_PINGS_UNANSWERED_MAX = 2;
const NATS_CONNECT_MS_MAX = 5_000;
/** For the last words of a coordinator that ends. */
const NATS_GOODBYE_MS_MAX = 1_000;

/** The message is a sentence for the operator. */
export class NatsFileError extends ErrorForPeople {
  override readonly name = "NatsFileError";
}

interface Hearing {
  readonly subject: string;
  readonly hear: (payload: Uint8Array) => void;
  at: Subscription | undefined;
}

/** The bus over a NATS server, 2.9 or newer. Nothing is stored there: a subject that nobody listens to loses what is published. */
export class NatsBus implements Bus, AsyncDisposable {
  readonly #hearings = new Set<Hearing>();
  readonly #watchers = new Set<(isUp: boolean) => void>();
  #connection: NatsConnection | undefined;
  #isUp = false;
  #isOver = false;

  private constructor() {}

  /**
   * Begins to connect, for as long as it takes: a server that is away keeps nobody from starting. The library is loaded
   * here, since a coordinator that is alone needs none.
   *
   * @throws NatsFileError
   * @param failed told of what keeps it from the server, each time that it is something else
   */
  static async open(address: NatsAddress, failed: (error: unknown) => void = () => undefined): Promise<NatsBus> {
    const library = await import("@nats-io/transport-node");
    const bus = new NatsBus();
    void bus.#connect(library, optionsOf(library, address), failed);
    return bus;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  get payloadBytesMax(): number {
    return Math.min(BUS_PAYLOAD_BYTES_MAX, this.#connection?.info?.max_payload ?? BUS_PAYLOAD_BYTES_MAX);
  }

  publish(subject: string, payload: Uint8Array): void {
    if (payload.length > this.payloadBytesMax) throw new RangeError("the payload is too long");
    if (this.#isUp) this.#connection?.publish(subject, payload);
  }

  subscribe(subject: string, hear: (payload: Uint8Array) => void): Disposable {
    const hearing: Hearing = { subject, hear, at: undefined };
    this.#hearings.add(hearing);
    if (this.#connection) this.#listen(this.#connection, hearing);
    return {
      [Symbol.dispose]: () => {
        this.#hearings.delete(hearing);
        if (this.#connection?.isClosed() === false) hearing.at?.unsubscribe();
      },
    };
  }

  watch(changed: (isUp: boolean) => void): Disposable {
    this.#watchers.add(changed);
    return { [Symbol.dispose]: () => void this.#watchers.delete(changed) };
  }

  /** The library goes on trying by itself once it was connected; until then this does. */
  async #connect(library: typeof Nats, options: ConnectionOptions, failed: (error: unknown) => void): Promise<void> {
    let told: string | undefined;
    while (!this.#isOver) {
      try {
        const connection = await library.connect(options);
        if (this.#isOver) return await connection.close();
        this.#connection = connection;
        for (const hearing of this.#hearings) this.#listen(connection, hearing);
        this.#become(true);
        for await (const { type } of connection.status()) {
          if (type === "disconnect" || type === "staleConnection" || type === "close") this.#become(false);
          if (type === "reconnect") this.#become(true);
        }
      } catch (error) {
        const name = error instanceof Error ? error.name : "";
        if (name !== told) failed(error);
        told = name;
      }
      this.#become(false);
      this.#connection = undefined;
      await sleep(NATS_RETRY_MS);
    }
  }

  #listen(connection: NatsConnection, hearing: Hearing): void {
    hearing.at = connection.subscribe(hearing.subject, {
      callback: (error, message) => {
        if (!error) hearing.hear(message.data);
      },
    });
  }

  #become(isUp: boolean): void {
    if (isUp === this.#isUp) return;
    this.#isUp = isUp;
    for (const changed of this.#watchers) changed(isUp);
  }

  /** What was published before has left by then, where the server is there. */
  async flush(): Promise<void> {
    await this.#connection?.flush();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    const connection = this.#connection;
    if (connection && this.#isUp) {
      const late = new AbortController();
      // What says goodbye is worth no longer wait, and nothing where the server has gone meanwhile.
      const waited = sleep(NATS_GOODBYE_MS_MAX, undefined, { signal: late.signal });
      await Promise.race([connection.flush(), waited]).catch(() => undefined);
      late.abort();
    }
    this.#become(false);
    await connection?.close();
  }
}

function optionsOf(
  { credsAuthenticator }: typeof Nats,
  { host, port, user, password, token, credentialsFile, tls }: NatsAddress,
): ConnectionOptions {
  return {
    servers: `${host.includes(":") ? `[${host}]` : host}:${port}`,
    name: "darkbloom",
    noEcho: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: NATS_RETRY_MS,
    // A password that is being changed on the server is wrong for a moment.
    ignoreAuthErrorAbort: true,
    timeout: NATS_CONNECT_MS_MAX,
    pingInterval: NATS_PING_EVERY_MS,
    maxPingOut: NATS_PINGS_UNANSWERED_MAX,
    ...(user !== undefined && { user }),
    ...(password !== undefined && { pass: password }),
    ...(token !== undefined && { token }),
    ...(credentialsFile !== undefined && { authenticator: credsAuthenticator(readFor(credentialsFile)) }),
    // Without TLS in its URL none is taken either: whoever answers in the server's place could offer it.
    tls: tls ? tlsOptionsOf(host, tls) : null,
  };
}

/** The library asks for the certificate of a name; of an address, `host` has to say it. */
const tlsOptionsOf = (host: string, { rootCert, cert, key }: NonNullable<NatsAddress["tls"]>) => ({
  host,
  ...(rootCert !== undefined && { ca: readFor(rootCert).toString() }),
  ...(cert !== undefined && { cert: readFor(cert).toString() }),
  ...(key !== undefined && { key: readFor(key).toString() }),
});

function readFor(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new NatsFileError(
      `The file ${path}, which the URL of NATS names, cannot be read. Look at its path and at who may read it.`,
      { cause },
    );
  }
}
