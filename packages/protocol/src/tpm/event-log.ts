import { equalBytes, utf8 } from "../bytes.ts";
import type { Crypto } from "../ports.ts";
import { DIGEST_BYTES, LONGEST_DIGEST_BYTES, tpmAlgorithm } from "./constants.ts";
import { malformed, readWhole, type TpmReader } from "./codec.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** A firmware's log is a few dozen KiB. A longer one is neither sent nor read. */
export const TPM_EVENT_LOG_BYTES_MAX = 512 * 1024;
const MOST_BANKS = 16;
/** PCRs of a PC; 17 to 22 are the late launch's and start as ones (PC Client Platform TPM Profile). */
const PCRS = 24;
const LATE_LAUNCH = { first: 17, last: 22 };

/** EV_NO_ACTION: for the reader of the log, never extended. */
const NO_ACTION = 3;
const SPECIFICATION = utf8("Spec ID Event03\0");
const STARTUP_LOCALITY = utf8("StartupLocality\0");

/** Digest lengths by TPM_ALG_ID, as the log's first event has them. */
type Banks = ReadonlyMap<number, number>;

/**
 * The SHA-256 PCRs that a firmware's event log leads to, by index: every extended digest once more
 * (the crypto-agile log of TCG's PC Client Platform Firmware Profile). PCRs that no event touches keep their first value.
 */
export function replayEventLog(crypto: Crypto, log: Uint8Array): readonly Bytes[] | undefined {
  if (log.length > TPM_EVENT_LOG_BYTES_MAX) return undefined;
  return readWhole(
    log,
    (reader) => {
      const banks = firstEvent(reader);
      const pcrs = Array.from({ length: PCRS }, (_, index) =>
        new Uint8Array(DIGEST_BYTES).fill(index >= LATE_LAUNCH.first && index <= LATE_LAUNCH.last ? 0xff : 0),
      );
      let isFirstPcrUntouched = true;
      while (!reader.ended) {
        const { index, type, digest, data } = nextEvent(reader, banks);
        if (type === NO_ACTION) {
          const locality = startupLocality(index, data);
          if (locality === undefined) continue;
          if (!isFirstPcrUntouched) malformed();
          // The locality of TPM2_Startup is PCR 0's last byte before anything is measured.
          pcrs[0]?.fill(locality, DIGEST_BYTES - 1);
          continue;
        }
        if (index === 0) isFirstPcrUntouched = false;
        pcrs[index] = crypto.sha256(pcrs[index] ?? malformed(), digest);
      }
      return pcrs;
    },
    "little-endian",
  );
}

/** TCG_PCClientPCREvent that holds a TCG_EfiSpecIDEvent: it says which banks every later event has. */
function firstEvent(reader: TpmReader): Banks {
  const index = reader.u32();
  const type = reader.u32();
  const digest = reader.bytes(20);
  if (index !== 0 || type !== NO_ACTION || digest.some((byte) => byte !== 0)) malformed();
  return readWhole(reader.bytes(reader.u32()), specification, "little-endian") ?? malformed();
}

function specification(reader: TpmReader): Banks {
  if (!equalBytes(reader.bytes(SPECIFICATION.length), SPECIFICATION)) malformed();
  // Platform class, version of the specification in three bytes, size of a machine word.
  reader.bytes(8);
  const count = reader.u32();
  if (count === 0 || count > MOST_BANKS) malformed();
  const banks = new Map<number, number>();
  for (let at = 0; at < count; at++) {
    const id = reader.u16();
    const length = reader.u16();
    if (banks.has(id) || length > LONGEST_DIGEST_BYTES) malformed();
    banks.set(id, length);
  }
  reader.bytes(reader.u8());
  return banks.get(tpmAlgorithm.sha256) === DIGEST_BYTES ? banks : malformed();
}

/** TCG_PCR_EVENT2. */
function nextEvent(reader: TpmReader, banks: Banks) {
  const index = reader.u32();
  const type = reader.u32();
  const digests = new Map<number, Bytes>();
  const count = reader.u32();
  if (count !== banks.size) malformed();
  for (let at = 0; at < count; at++) {
    const id = reader.u16();
    if (digests.has(id)) malformed();
    digests.set(id, reader.bytes(banks.get(id) ?? malformed()));
  }
  const digest = digests.get(tpmAlgorithm.sha256) ?? malformed();
  return { index, type, digest, data: reader.bytes(reader.u32()) };
}

function startupLocality(index: number, data: Uint8Array): number | undefined {
  const { length } = STARTUP_LOCALITY;
  if (index !== 0 || !equalBytes(data.subarray(0, length), STARTUP_LOCALITY)) return undefined;
  return data.length === length + 1 ? data[length] : malformed();
}
