import { once } from "node:events";
import { constants } from "node:fs";
import { open, stat } from "node:fs/promises";
import { connect } from "node:net";
import { concatBytes } from "@darkbloom/protocol/bytes";
import type { Clock } from "@darkbloom/protocol/ports";
import { LATE, within } from "@darkbloom/protocol/time";
import type { TpmFault } from "../../events/events.ts";
import { TpmError } from "./tpm-error.ts";

/** Longer than the slowest command takes, which is to make an RSA key in a small chip. */
const TPM_COMMAND_WAIT_MS = 120_000;
const TPM_CONNECT_WAIT_MS = 5_000;
/** The buffer that Linux has for one command or response (TPM_BUFSIZE in its drivers/char/tpm). */
const TPM_RESPONSE_BYTES_MAX = 4096;
/** Tag, size and response code (Part 1, "Response Header"). */
const HEADER_BYTES = 10;

/** Where a TPM is: a device of Linux, best with its resource manager; or the command socket of swtpm. */
export type TpmAddress = { readonly device: string } | { readonly host: string; readonly port: number };

export const TPM_DEVICE = "/dev/tpmrm0";

/** `/dev/tpmrm0` or `swtpm:HOST:PORT`; undefined for anything else. */
export function readTpmAddress(text: string): TpmAddress | undefined {
  if (/^\/[^\0]+$/.test(text)) return { device: text };
  const { host, port } = /^swtpm:(?<host>[\w.-]+):(?<port>\d{1,5})$/.exec(text)?.groups ?? {};
  return host !== undefined && Number(port) > 0 && Number(port) < 65_536 ? { host, port: Number(port) } : undefined;
}

/** As it was given. */
export const nameOf = (address: TpmAddress): string =>
  "device" in address ? address.device : `swtpm:${address.host}:${address.port}`;

/** One command at a time goes to a TPM, and its response comes back whole. */
export interface TpmTransport extends AsyncDisposable {
  /** @throws TpmError; after a fault of the connection each further one is `lost` */
  exchange(command: Uint8Array): Promise<Uint8Array>;
}

/** Bytes to and from a TPM, in pieces of any size. */
export interface TpmPipe {
  write(bytes: Uint8Array): Promise<void>;
  /** The next piece; undefined at the end. */
  read(): Promise<Uint8Array | undefined>;
  close(): Promise<void>;
}

/** @throws TpmError `unreachable`, `denied`, `busy` or `timeout` */
export async function connectTpm(address: TpmAddress, clock: Clock): Promise<TpmTransport> {
  const over = new AbortController();
  const opening =
    "device" in address
      ? openDevice(address.device)
      : inTime(clock, TPM_CONNECT_WAIT_MS, dial(address.host, address.port, over.signal));
  const pipe = await opening.finally(() => over.abort());
  return new PipeTransport(pipe, clock);
}

/** Commands wait for each other here, so that a response is always the answer to what was asked last. */
export class PipeTransport implements TpmTransport {
  readonly #pipe: TpmPipe;
  readonly #clock: Clock;
  #lastTurn: Promise<unknown> = Promise.resolve();
  #isLost = false;

  constructor(pipe: TpmPipe, clock: Clock) {
    this.#pipe = pipe;
    this.#clock = clock;
  }

  exchange(command: Uint8Array): Promise<Uint8Array> {
    const turn = this.#lastTurn.then(() => this.#exchangeNow(command));
    this.#lastTurn = turn.catch(() => undefined);
    return turn;
  }

  async #exchangeNow(command: Uint8Array): Promise<Uint8Array> {
    if (this.#isLost) throw new TpmError("lost");
    try {
      return await inTime(this.#clock, TPM_COMMAND_WAIT_MS, this.#commanded(command));
    } catch (error) {
      // Whatever comes later would be taken for the answer to another command.
      this.#close();
      throw error instanceof TpmError ? error : new TpmError("lost", undefined, { cause: error });
    }
  }

  async #commanded(command: Uint8Array): Promise<Uint8Array> {
    await this.#pipe.write(command);
    return this.#response();
  }

  async #response(): Promise<Uint8Array> {
    let response = new Uint8Array(0);
    for (;;) {
      const piece = await this.#pipe.read();
      if (piece === undefined || piece.length === 0) throw new TpmError("lost");
      response = concatBytes(response, piece);
      if (response.length < HEADER_BYTES) continue;
      const size = new DataView(response.buffer).getUint32(2);
      if (size < HEADER_BYTES || size > TPM_RESPONSE_BYTES_MAX || response.length > size)
        throw new TpmError("malformed");
      if (response.length === size) return response;
    }
  }

  #close(): void {
    this.#isLost = true;
    // A driver that hangs would hang this too, and nobody has to wait for it.
    void this.#pipe.close().catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lastTurn;
    if (this.#isLost) return;
    this.#isLost = true;
    await this.#pipe.close().catch(() => undefined);
  }
}

async function inTime<T>(clock: Clock, waitMs: number, work: Promise<T>): Promise<T> {
  const done = await within(clock, waitMs, work);
  if (done === LATE) throw new TpmError("timeout");
  return done;
}

async function openDevice(path: string): Promise<TpmPipe> {
  try {
    // A name that is given by mistake must not be written to.
    if (!(await stat(path)).isCharacterDevice()) throw new TpmError("unreachable");
    const handle = await open(path, constants.O_RDWR | constants.O_NOCTTY);
    return {
      write: async (bytes) => {
        // The driver takes a command in one piece only.
        const { bytesWritten } = await handle.write(bytes, 0, bytes.length, null);
        if (bytesWritten !== bytes.length) throw new TpmError("lost");
      },
      read: async () => {
        const { bytesRead, buffer } = await handle.read(new Uint8Array(TPM_RESPONSE_BYTES_MAX), 0, null, null);
        return buffer.subarray(0, bytesRead);
      },
      close: () => handle.close(),
    };
  } catch (error) {
    throw error instanceof TpmError ? error : new TpmError(faultOfOpening(error), undefined, { cause: error });
  }
}

async function dial(host: string, port: number, signal: AbortSignal): Promise<TpmPipe> {
  const socket = connect({ host, port, noDelay: true });
  // Between two reads nobody listens; the next one finds the socket closed.
  socket.on("error", () => undefined);
  try {
    await once(socket, "connect", { signal });
  } catch (error) {
    socket.destroy();
    throw new TpmError(faultOfOpening(error), undefined, { cause: error });
  }
  const pieces = socket.iterator({ destroyOnReturn: false });
  return {
    write: async (bytes) => void socket.write(bytes),
    read: async () => {
      const next = await pieces.next();
      return next.done === true || !(next.value instanceof Uint8Array) ? undefined : next.value;
    },
    close: async () => void socket.destroy(),
  };
}

function faultOfOpening(error: unknown): TpmFault {
  switch (error instanceof Error && "code" in error ? error.code : undefined) {
    case "EACCES":
    case "EPERM":
      return "denied";
    case "EBUSY":
      return "busy";
    default:
      return "unreachable";
  }
}
