import { sha1 } from "@noble/hashes/legacy.js";
import { concatBytes, fromHex, utf8 } from "../src/bytes.ts";
import { nodeCrypto } from "../src/node/index.ts";

/** A firmware's log, written for tests (TCG PC Client Platform Firmware Profile, crypto-agile). */

type Bytes = Uint8Array<ArrayBuffer>;

const NO_ACTION = 3;
const SHA1 = 0x0004;
const SHA256 = 0x000b;

const little = (bytes: number, value: number): Bytes =>
  Uint8Array.from({ length: bytes }, (_, at) => Math.floor(value / 2 ** (8 * at)) & 0xff);
const u16 = (value: number): Bytes => little(2, value);
const u32 = (value: number): Bytes => little(4, value);

export interface LogEvent {
  readonly pcr: number;
  readonly type: number;
  readonly data: Bytes;
  /** SHA-256 of the data where it is absent, as for most types. */
  readonly digest?: Bytes;
}

export const digestOf = ({ data, digest }: LogEvent): Bytes => digest ?? nodeCrypto.sha256(data);

/** What PCR 0's first value says: from where the TPM was started. */
export const startupLocality = (locality: number): LogEvent => ({
  pcr: 0,
  type: NO_ACTION,
  data: concatBytes(utf8("StartupLocality\0"), Uint8Array.of(locality)),
  digest: new Uint8Array(32),
});

/** What a bank of TPM_ALG_ID holds of an event. */
const inBank = (bank: number, event: LogEvent): Bytes =>
  bank === SHA256 ? digestOf(event) : new Uint8Array(sha1(event.data));

export function eventLog(events: readonly LogEvent[], banks: readonly number[] = [SHA1, SHA256]): Bytes {
  const lengthOf = (bank: number): number => (bank === SHA1 ? 20 : 32);
  const specification = concatBytes(
    utf8("Spec ID Event03\0"),
    u32(0),
    Uint8Array.of(0, 2, 0, 2),
    u32(banks.length),
    ...banks.map((bank) => concatBytes(u16(bank), u16(lengthOf(bank)))),
    Uint8Array.of(0),
  );
  const first = concatBytes(u32(0), u32(NO_ACTION), new Uint8Array(20), u32(specification.length), specification);
  const rest = events.map((event) => {
    const digests = banks.map((bank) => concatBytes(u16(bank), inBank(bank, event)));
    return concatBytes(
      u32(event.pcr),
      u32(event.type),
      u32(banks.length),
      ...digests,
      u32(event.data.length),
      event.data,
    );
  });
  return concatBytes(first, ...rest);
}

/** UEFI_VARIABLE_DATA of a variable that holds one byte; its name is in UTF-16. */
const secureBootName = "SecureBoot";
const secureBootOn = concatBytes(
  fromHex("61dfe48bca93d211aa0d00e098032b8c"),
  little(8, secureBootName.length),
  little(8, 1),
  ...Array.from(secureBootName, (letter) => u16(letter.charCodeAt(0))),
  Uint8Array.of(1),
);

/** A start of a machine that boots an unnamed loader with Secure Boot: separators, as firmware writes them. */
export const sampleEvents: readonly LogEvent[] = [
  startupLocality(0),
  { pcr: 0, type: 0x08, data: utf8("1.0") }, // EV_S_CRTM_VERSION
  { pcr: 7, type: 0x8000_0001, data: secureBootOn }, // EV_EFI_VARIABLE_DRIVER_CONFIG
  { pcr: 4, type: 0x05, data: utf8("Calling EFI Application from Boot Option") }, // EV_ACTION
  ...[0, 1, 2, 3, 4, 5, 6, 7].map((pcr) => ({ pcr, type: 0x04, data: new Uint8Array(4) })), // EV_SEPARATOR
];
