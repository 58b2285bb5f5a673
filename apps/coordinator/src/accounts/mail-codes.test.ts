import { nodeCrypto, systemClock, systemRandom } from "@darkbloom/protocol/node";
import { describe, expect, it } from "vitest";
import {
  MAIL_CODE_TRIES_MAX,
  MAIL_CODES_AT_ONCE_MAX,
  MAIL_CODES_PER_ADDRESS_MAX,
  MAIL_CODES_PER_MAILBOX_MAX,
  MailCodes,
  shownDigits,
} from "./mail-codes.ts";

const MAIL = "anna@example.com";

function fresh() {
  let nowMs = 1_000;
  const clock = { ...systemClock, monotonicMs: () => nowMs };
  const codes = new MailCodes({ clock, random: systemRandom, crypto: nodeCrypto });
  return { codes, later: (ms: number) => void (nowMs += ms) };
}

describe("a code", () => {
  /** Goal: a code proves its mailbox, once, in the browser that asked, however it is written. Method: written with spaces, again, and in another browser. */
  it("is good once, in its own browser", () => {
    const { codes } = fresh();
    const { code, secret } = codes.open("a", MAIL);
    const other = codes.open("a", "eve@example.com");
    expect(code).toMatch(/^\d{10}$/);
    expect(codes.type(other.secret, code)).toBe("wrong");
    expect(codes.type("", code)).toBe("over");
    expect(codes.type(secret, ` ${shownDigits(code)}\n`)).toEqual({ mail: MAIL });
    expect(codes.type(secret, code)).toBe("over");
  });

  /** Goal: guessing ends the code. Method: as many wrong ones as there are tries, then the right one; and the right one as the last. */
  it("takes few tries", () => {
    const { codes } = fresh();
    const [first, second] = [codes.open("a", MAIL), codes.open("a", MAIL)];
    for (let n = 1; n < MAIL_CODE_TRIES_MAX; n++) {
      expect(codes.type(first.secret, "0")).toBe("wrong");
      expect(codes.type(second.secret, "0")).toBe("wrong");
    }
    expect(codes.type(first.secret, "0")).toBe("over");
    expect(codes.type(first.secret, first.code)).toBe("over");
    expect(codes.type(second.secret, second.code)).toEqual({ mail: MAIL });
  });

  /** Goal: it is not kept longer than a mail takes. Method: ten minutes. */
  it("is good for ten minutes", () => {
    const { codes, later } = fresh();
    const [first, second] = [codes.open("a", MAIL), codes.open("a", MAIL)];
    later(10 * 60_000 - 1);
    expect(codes.type(first.secret, first.code)).toEqual({ mail: MAIL });
    later(1);
    expect(codes.type(second.secret, second.code)).toBe("over");
  });
});

/** Goal: nobody's mailbox is flooded, and no one address asks for all that the mail server takes. Method: each bound met, and how soon one more is let through. */
it("are asked for no oftener than they may be", () => {
  const { codes, later } = fresh();
  for (let n = 0; n < MAIL_CODES_PER_MAILBOX_MAX; n++) expect(codes.waitSec(`a${n}`, MAIL)).toBeUndefined();
  expect(codes.waitSec("a9", MAIL)).toBe(5 * 60);
  later(5 * 60_000);
  expect(codes.waitSec("a9", MAIL)).toBeUndefined();
  for (let n = 0; n < MAIL_CODES_PER_ADDRESS_MAX; n++) expect(codes.waitSec("b", `b${n}@example.com`)).toBeUndefined();
  expect(codes.waitSec("b", "more@example.com")).toBe(60);
  const left = MAIL_CODES_AT_ONCE_MAX - MAIL_CODES_PER_ADDRESS_MAX - 1;
  for (let n = 0; n < left; n++) expect(codes.waitSec(`c${n}`, `c${n}@example.com`)).toBeUndefined();
  expect(codes.waitSec("d", "d@example.com")).toBe(1);
  later(1_000);
  expect(codes.waitSec("d", "d@example.com")).toBeUndefined();
});
