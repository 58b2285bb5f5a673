import type { Sha256Hex } from "@darkbloom/protocol/ids";
import type { Clock, Crypto, Random } from "@darkbloom/protocol/ports";
import { RateLimiter } from "../limits/rate.ts";
import { Begun } from "./begun.ts";
import { hashOfKey } from "./keys.ts";

/** Ten digits are 33 bits: at the pace of the bounds below, who guesses for one mailbox all the time is right once in some 19,000 years. */
const CODE_DIGITS = 10;
/** Of one code; then another is asked for. */
export const MAIL_CODE_TRIES_MAX = 5;
/** Codes that one address of the network may ask for at once, and how soon one more. */
export const MAIL_CODES_PER_ADDRESS_MAX = 10;
const MAIL_CODE_PER_ADDRESS_EVERY_MS = 60_000;
/** The same of codes to one mailbox, whoever asks. */
export const MAIL_CODES_PER_MAILBOX_MAX = 5;
const MAIL_CODE_PER_MAILBOX_EVERY_MS = 5 * 60_000;
/** The same of all: each is a connection to the mail server. */
export const MAIL_CODES_AT_ONCE_MAX = 120;
const MAIL_CODE_EVERY_MS = 1_000;

interface Asked {
  readonly mail: string;
  /** Of the code with the browser's secret, which is kept nowhere: by the hash alone nobody finds ten digits. */
  readonly codeHash: Sha256Hex;
  triesLeft: number;
}

/** What came of a code that was typed in. */
export type Typed = { readonly mail: string } | "wrong" | "over";

interface Tools {
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: Crypto;
}

/**
 * Codes that prove a mailbox. Each is good in the browser that asked for it alone. What is done here is the same whether anybody is
 * known under the address.
 */
export class MailCodes {
  readonly #tools: Tools;
  readonly #begun: Begun<Asked>;
  readonly #rates: readonly [address: RateLimiter<string>, mailbox: RateLimiter<string>, all: RateLimiter<string>];

  constructor(tools: Tools) {
    this.#tools = tools;
    this.#begun = new Begun(tools);
    const rate = (everyMs: number, requestsBurst: number) =>
      new RateLimiter<string>(tools.clock, { requestsPerSec: 1000 / everyMs, requestsBurst });
    this.#rates = [
      rate(MAIL_CODE_PER_ADDRESS_EVERY_MS, MAIL_CODES_PER_ADDRESS_MAX),
      rate(MAIL_CODE_PER_MAILBOX_EVERY_MS, MAIL_CODES_PER_MAILBOX_MAX),
      rate(MAIL_CODE_EVERY_MS, MAIL_CODES_AT_ONCE_MAX),
    ];
  }

  /** Counts one that is asked for. @returns how long to wait instead, where that is too many */
  waitSec(address: string, mail: string): number | undefined {
    const asked = [address, mail, "all"] as const;
    const waits = this.#rates.map((rate, index) => rate.waitSec(asked[index] ?? ""));
    const wait = waits.find((sec) => sec !== undefined);
    if (wait === undefined) for (const [index, rate] of this.#rates.entries()) rate.take(asked[index] ?? "");
    return wait;
  }

  /** @returns the code, for the mailbox alone, and the secret, for the browser alone */
  open(address: string, mail: string): { readonly code: string; readonly secret: string } {
    const code = this.#newCode();
    const secret = this.#begun.newSecret();
    this.#begun.keep(secret, address, { mail, codeHash: this.#hashOf(secret, code), triesLeft: MAIL_CODE_TRIES_MAX });
    return { code, secret };
  }

  /** One try. A code that was right is good no longer. */
  type(secret: string, code: string): Typed {
    const asked = this.#begun.find(secret);
    if (!asked) return "over";
    asked.triesLeft -= 1;
    const isRight = this.#hashOf(secret, code.replaceAll(/\D/g, "")) === asked.codeHash;
    if (isRight || asked.triesLeft === 0) this.#begun.take(secret);
    if (isRight) return { mail: asked.mail };
    return asked.triesLeft === 0 ? "over" : "wrong";
  }

  /** Bytes from 250 on would make some digits likelier than others. */
  #newCode(): string {
    for (let digits = ""; ;) {
      digits += Array.from(
        this.#tools.random.bytes(2 * CODE_DIGITS).filter((byte) => byte < 250),
        (byte) => byte % 10,
      ).join("");
      if (digits.length >= CODE_DIGITS) return digits.slice(0, CODE_DIGITS);
    }
  }

  #hashOf(secret: string, code: string): Sha256Hex {
    return hashOfKey(this.#tools.crypto, `${secret} ${code}`);
  }
}

/** As a mail shows it, e.g. `01234 56789`. */
export const shownDigits = (code: string): string => code.match(/.{5}/g)?.join(" ") ?? "";
