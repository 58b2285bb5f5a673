import { fromUtf8 } from "@darkbloom/protocol/bytes";
import type { Clock } from "@darkbloom/protocol/ports";
import { flushContext, propertiesFrom, type TpmCommand } from "./commands.ts";
import { TpmReader } from "@darkbloom/protocol/tpm";
import { faultOf, reading, TpmError } from "./tpm-error.ts";
import { connectTpm, type TpmAddress, type TpmTransport } from "./transport.ts";

/** A TPM that tests itself or is busy with another's command says so; then the same command is sent again. */
const BUSY_ATTEMPTS_MAX = 8;
const BUSY_PAUSE_MS = 50;
/** TPM_PT_MANUFACTURER; the firmware's version is in the two properties at 0x10b (Part 2, 6.13). */
const MANUFACTURER = 0x105;
const FIRMWARE = [0x10b, 0x10c] as const;

/** Something that takes room in the TPM, a key or a session. Disposing gives the room back. */
export interface TpmObject extends AsyncDisposable {
  readonly handle: number;
}

/** A TPM that takes commands. Disposing closes the connection; what it holds must be disposed before. */
export class Tpm implements AsyncDisposable {
  readonly #transport: TpmTransport;
  readonly #clock: Clock;

  constructor(transport: TpmTransport, clock: Clock) {
    this.#transport = transport;
    this.#clock = clock;
  }

  /** @throws TpmError */
  static async connect(address: TpmAddress, clock: Clock): Promise<Tpm> {
    return new Tpm(await connectTpm(address, clock), clock);
  }

  /** @throws TpmError and nothing else, whatever the TPM answers */
  async run<Answer>(command: TpmCommand<Answer>): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      try {
        const response = await this.#transport.exchange(command.bytes);
        return reading(() => readResponse(command, response));
      } catch (error) {
        if (!(error instanceof TpmError) || error.code !== "busy" || attempt === BUSY_ATTEMPTS_MAX) throw error;
        await this.#clock.sleep(BUSY_PAUSE_MS);
      }
    }
  }

  /** Runs a command that makes something in the TPM, and lends it. */
  async hold<Answer extends { readonly handle: number }>(command: TpmCommand<Answer>): Promise<Answer & TpmObject> {
    const made = await this.run(command);
    return { ...made, [Symbol.asyncDispose]: () => this.#flush(made.handle) };
  }

  /** E.g. `IBM` and `8217.4131.22.13878`; a manufacturer's four letters as the TCG registers them. */
  async describe(): Promise<{ readonly manufacturer: string; readonly firmware: string }> {
    const properties = new Map(
      (await this.run(propertiesFrom(MANUFACTURER, FIRMWARE[1] - MANUFACTURER + 1))).map(({ property, value }) => [
        property,
        value,
      ]),
    );
    const letters = bytesOf(properties.get(MANUFACTURER) ?? 0).filter((letter) => letter > 0x20 && letter < 0x7f);
    const halves = FIRMWARE.flatMap((property) => {
      const value = properties.get(property) ?? 0;
      return [value >>> 16, value & 0xffff];
    });
    return { manufacturer: fromUtf8(Uint8Array.from(letters)), firmware: halves.join(".") };
  }

  /** A connection that is gone has taken everything with it; the kernel's resource manager sees to that. */
  async #flush(handle: number): Promise<void> {
    await this.run(flushContext(handle)).catch((error: unknown) => {
      if (!(error instanceof TpmError)) throw error;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transport[Symbol.asyncDispose]();
  }
}

const bytesOf = (value: number): number[] => [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff);

/** Part 1, "Command/Response Structure": header, handle, size of the parameters, parameters, sessions. */
function readResponse<Answer>(command: TpmCommand<Answer>, bytes: Uint8Array): Answer {
  const whole = new TpmReader(bytes);
  const tag = whole.u16();
  if (whole.u32() !== bytes.length) throw new TpmError("malformed");
  const responseCode = whole.u32();
  if (responseCode !== 0) throw new TpmError(faultOf(responseCode), responseCode);
  if (tag !== (command.sessions > 0 ? 0x8002 : 0x8001)) throw new TpmError("malformed");
  const handle = command.hasHandle ? whole.u32() : 0;
  const rest = command.sessions > 0 ? whole.bytes(whole.u32()) : whole.rest();
  const parameters = new TpmReader(rest);
  const answer = command.read(parameters, handle);
  parameters.end();
  for (let session = 0; session < command.sessions; session++) {
    whole.sized(); // nonce
    whole.u8(); // attributes
    whole.sized(); // HMAC, which sessions without a secret do not have
  }
  whole.end();
  return answer;
}
