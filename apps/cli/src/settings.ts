import { serialDisclosures } from "@darkbloom/coordinator/machines/trust/serial-names";
import { trustLevels } from "@darkbloom/protocol/evidence";
import { accountSettings } from "./account-settings.ts";
import { databaseSetting } from "./database-setting.ts";
import { natsSetting } from "./nats-setting.ts";
import { keySettings } from "./key-settings.ts";
import { paymentSettings } from "./payment-settings.ts";
import { proxySettings } from "./proxy/settings.ts";
import {
  aliases,
  anyText,
  apiKey,
  coordinatorUrl,
  host,
  NAME_CHARS_MAX,
  namedRoots,
  oneOf,
  oneOfWords,
  origins,
  publicKey,
  serials,
  verifierKey,
  wholeNumber,
  witnesses,
  yesOrNo,
} from "./setting-readers.ts";
import { identityChoices } from "@darkbloom/provider/identity/choices";
import { readTpmAddress } from "@darkbloom/provider/identity/tpm/transport";

/** What the logs hold, least first. */
export const logLevels = ["silent", "error", "warn", "info", "debug"] as const;

/** Each provider is a process with the model in memory; more of them on one machine only get in each other's way. */
export const PROVIDERS_MAX = 16;
const SLOTS_MAX = 64;
const THREADS_MAX = 256;
/** Less holds no question; more than ten million no model has. */
const CONTEXT_TOKENS_MIN = 256;
const CONTEXT_TOKENS_MAX = 10_000_000;
const REQUESTS_PER_MINUTE_MAX = 1_000_000;
const RECEIPT_DAYS_MAX = 3_650;
const DRAIN_SEC_MAX = 86_400;
/** A join token is a secret that guards who may serve; 16 characters of a random one are 80 bits or more. */
const TOKEN_CHARS_MIN = 16;
const TOKEN_CHARS_MAX = 256;

/** One thing that can be set, by a flag or by an environment name. */
export interface Setting<Value> {
  /** Stands for the value in help texts; a switch has none. */
  readonly value?: string;
  readonly means: string;
  /** Ends the sentence "--flag must be …". */
  readonly mustBe: string;
  /** Its value stays out of messages. */
  readonly secret?: boolean;
  /** Whether a text would show a secret on a command line, where every user of the machine can read it; it is refused there. */
  showsSecret?(text: string): boolean;
  /** The flag may be repeated; in the environment, commas separate. */
  readonly many?: boolean;
  /** Undefined for a text that is wrong. */
  read(text: string): Value | undefined;
}

/**
 * Every setting of every command. Flags, environment names, help and the table in the docs all come from
 * here; what a command takes of it, and with which default, stands in the command's own file.
 */
export const settings = {
  ...accountSettings,
  ...proxySettings,
  ...keySettings,
  ...paymentSettings,
  account: { value: "ACCOUNT", means: "an existing account, e.g. acct_5f0c…", mustBe: "an account id", read: name },
  alias: {
    value: "NAME=MODEL",
    means:
      "another name by which callers may ask for a model, such as one that an agent expects; answers and receipts name the model itself; repeat it for more",
    mustBe: "a name, = and the id of a model, e.g. claude-sonnet-5=qwen3-8b",
    many: true,
    read: aliases,
  },
  apiKey: {
    value: "KEY",
    means: "an API key of the network; better set in the environment",
    mustBe: "an API key, e.g. eigeninference-…",
    secret: true,
    read: apiKey,
  },
  appleRoot: {
    value: "FILE",
    means: "Apple's root certificate for Enterprise Attestation",
    mustBe: "a path",
    read: anyText,
  },
  approveMachines: {
    means: "give no requests to a machine before 'darkbloom machines approve' names it",
    mustBe: "true or false",
    read: yesOrNo,
  },
  build: {
    value: "NAME",
    means: "the catalog's name for the weights of --model, if it is not the file's own name",
    mustBe: "a name of letters, digits and . _ : / -",
    read: catalogName,
  },
  chain: {
    value: "FILE",
    means: "the certificates that a Mac's management got from Apple for it, in PEM, the device's own first",
    mustBe: "a path",
    read: anyText,
  },
  context: {
    value: "TOKENS",
    means:
      "the longest prompt and answer together, no more than the model was trained for; every slot takes memory for it. Without it 8192, or what the model was trained for where that is less",
    mustBe: `a whole number from ${CONTEXT_TOKENS_MIN} to ${CONTEXT_TOKENS_MAX}`,
    read: wholeNumber(CONTEXT_TOKENS_MIN, CONTEXT_TOKENS_MAX),
  },
  coordinator: {
    value: "URL",
    means:
      "the coordinator of the network; where accounts are administered, in place of --data: asked over the network, by the session that 'darkbloom login' keeps",
    mustBe: "a URL that begins with http:// or https://, without a user name, ? or #",
    read: coordinatorUrl,
  },
  coordinatorData: {
    value: "DIR",
    means: "the data folder of a coordinator on this machine: its local secret is shown instead of a join token",
    mustBe: "a path",
    read: anyText,
  },
  coordinatorKey: {
    value: "KEY",
    means:
      "the coordinator's public key (public_key at /.well-known/darkbloom): take its signed word that a TPM opened its credential, which nobody else can check",
    mustBe: "a key of 32 bytes in base64",
    read: publicKey,
  },
  corsOrigin: {
    value: "ORIGIN",
    means: "a web origin that may call the API from a browser; repeat it for more",
    mustBe: "an origin such as https://app.example.com",
    many: true,
    read: origins,
  },
  ...databaseSetting,
  ...natsSetting,
  data: { value: "DIR", means: "the data folder", mustBe: "a path", read: anyText },
  into: {
    value: "PATH",
    means: "where the copy is to stand: a new folder; of an export, a new file",
    mustBe: "a path",
    read: anyText,
  },
  drainTimeout: {
    value: "SECONDS",
    means: "how long running requests may go on after the first Ctrl-C or SIGTERM; a second one ends them",
    mustBe: `a whole number from 0 to ${DRAIN_SEC_MAX}`,
    read: wholeNumber(0, DRAIN_SEC_MAX),
  },
  hideUnserved: {
    means: "leave models that no connected machine serves out of GET /v1/models",
    mustBe: "true or false",
    read: yesOrNo,
  },
  host: { value: "ADDRESS", means: "the address to listen on", mustBe: "a host name or an IP address", read: host },
  identity: {
    value: "HOME",
    means:
      "where the identity key lives; auto takes the TPM, on a Mac the Secure Enclave, of a new machine where it can be used",
    mustBe: oneOfWords(identityChoices),
    read: oneOf(identityChoices),
  },
  joinToken: {
    value: "TOKEN",
    means: "the secret that providers must show; better set in the environment, where `ps` does not list it",
    mustBe: `a secret of ${TOKEN_CHARS_MIN} to ${TOKEN_CHARS_MAX} printable characters without spaces`,
    secret: true,
    read: token,
  },
  json: { means: "print one JSON object per line on stdout", mustBe: "true or false", read: yesOrNo },
  logLevel: {
    value: "LEVEL",
    means: "how much goes to the log on stderr",
    mustBe: oneOfWords(logLevels),
    read: oneOf(logLevels),
  },
  min: {
    value: "LEVEL",
    means: "the trust level that every machine must reach",
    mustBe: oneOfWords(trustLevels),
    read: oneOf(trustLevels),
  },
  minTrust: {
    value: "LEVEL",
    means:
      "the trust level below which a provider serves nobody; of a proxy hardware, or where machines are pinned self_signed, unless this says otherwise",
    mustBe: oneOfWords(trustLevels),
    read: oneOf(trustLevels),
  },
  model: {
    value: "MODEL",
    means:
      "a GGUF file, the first part of a split one, a `sha256sum` list of parts (….sha256), or the id of the bundled model",
    mustBe: "a path or a model id",
    read: anyText,
  },
  pcrPolicy: {
    value: "FILE",
    means: "values that PCRs of a machine's TPM may have, in JSON",
    mustBe: "a path",
    read: anyText,
  },
  platformFeePercent: {
    value: "PERCENT",
    means: "what the operator keeps of each charge",
    mustBe: "a whole number from 0 to 100",
    read: wholeNumber(0, 100),
  },
  port: {
    value: "PORT",
    means: "the TCP port to listen on; 0 takes any free one",
    mustBe: "a whole number from 0 to 65535",
    read: wholeNumber(0, 65_535),
  },
  providers: {
    value: "N",
    means: "how many provider processes to run",
    mustBe: `a whole number from 1 to ${PROVIDERS_MAX}`,
    read: wholeNumber(1, PROVIDERS_MAX),
  },
  providerSerial: {
    value: "SERIAL",
    means: "a machine that the key is bound to, or of a proxy the only one that may answer; repeat it for more",
    mustBe: "the serial of a machine, e.g. SW-1A2B3C4D5E6F",
    many: true,
    read: serials,
  },
  checkpoint: {
    value: "FILE",
    means: "the log's last checkpoint that was verified: the log must still hold it, and the new one is kept there",
    mustBe: "a path",
    read: anyText,
  },
  logKey: {
    value: "KEY",
    means: "the key of the coordinator's log (verifier_key at /.well-known/darkbloom), so that nobody is asked for it",
    mustBe: "'name+id+key' (c2sp.org/signed-note)",
    read: verifierKey,
  },
  logWitness: {
    value: "KEY URL",
    means:
      "witnesses that sign the transparency log's checkpoints: of each its verifier key and its URL, separated by commas",
    mustBe: "'name+id+key https://…' (c2sp.org/tlog-witness), separated by commas",
    read: witnesses,
  },
  receiptDays: {
    value: "N",
    means: "how many days the receipts of answers are kept",
    mustBe: `a whole number from 1 to ${RECEIPT_DAYS_MAX}`,
    read: wholeNumber(1, RECEIPT_DAYS_MAX),
  },
  replay: { value: "FILE", means: "the request's body, to run again and compare", mustBe: "a path", read: anyText },
  requestsPerMinute: {
    value: "N",
    means: "how many requests one account may send in a minute; a tenth of them at once",
    mustBe: `a whole number from 1 to ${REQUESTS_PER_MINUTE_MAX}`,
    read: wholeNumber(1, REQUESTS_PER_MINUTE_MAX),
  },
  revoked: {
    value: "FILE",
    means: "a revocation list: identities that somebody has withdrawn, as of a date",
    mustBe: "a path",
    read: anyText,
  },
  serialDisclosure: {
    value: "WHAT",
    means:
      "what callers learn of a machine's serial number: itself, a stable pseudonym in its place, or neither (the evidence then carries the pseudonym)",
    mustBe: oneOfWords(serialDisclosures),
    read: oneOf(serialDisclosures),
  },
  slots: {
    value: "N",
    means: "how many requests one provider runs at once",
    mustBe: `a whole number from 1 to ${SLOTS_MAX}`,
    read: wholeNumber(1, SLOTS_MAX),
  },
  threads: {
    value: "N",
    means: "how many threads one provider computes with",
    mustBe: `a whole number from 1 to ${THREADS_MAX}`,
    read: wholeNumber(1, THREADS_MAX),
  },
  token: {
    value: "TOKEN",
    means: "the network's join token, where its coordinator asks for one; better set in the environment",
    mustBe: `a secret of ${TOKEN_CHARS_MIN} to ${TOKEN_CHARS_MAX} printable characters without spaces`,
    secret: true,
    read: token,
  },
  tpm: {
    value: "ADDRESS",
    means: "where the TPM 2.0 is: a device of Linux, or for tests the command port of swtpm",
    mustBe: "a device such as /dev/tpmrm0, or swtpm:HOST:PORT",
    read: readTpmAddress,
  },
  tpmRoot: {
    value: "FILE=SHA256",
    means: "a root certificate of a maker of TPMs, and its fingerprint (SHA-256 of the DER); repeat it for more",
    mustBe: "a path, = and 64 hex digits",
    many: true,
    read: namedRoots,
  },
  trustProxy: {
    means: "believe the last address in the X-Forwarded-For header of the reverse proxy in front",
    mustBe: "true or false",
    read: yesOrNo,
  },
} satisfies Record<string, Setting<unknown>>;

export type SettingName = keyof typeof settings;
export type SettingValue<Name extends SettingName> = Exclude<ReturnType<(typeof settings)[Name]["read"]>, undefined>;

/** `corsOrigin` → `--cors-origin`. */
export const flagOf = (setting: SettingName): string => `--${words(setting).join("-")}`;

/** `corsOrigin` → `DARKBLOOM_CORS_ORIGIN`. */
export const environmentNameOf = (setting: SettingName): string =>
  ["darkbloom", ...words(setting)].join("_").toUpperCase();

/** The common shape of every row, for those who go through all of them. */
export const settingOf = (setting: SettingName): Setting<unknown> => settings[setting];

export const isSettingName = (text: string): text is SettingName => Object.hasOwn(settings, text);

const words = (camelCase: string): string[] =>
  camelCase.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).split(" ");

function name(given: string): string | undefined {
  return /^[\w-]+$/.test(given) && given.length <= NAME_CHARS_MAX ? given : undefined;
}

function catalogName(given: string): string | undefined {
  return /^[A-Za-z0-9][\w.:/-]*$/.test(given) && given.length <= NAME_CHARS_MAX ? given : undefined;
}

function token(given: string): string | undefined {
  return /^[\x21-\x7e]+$/.test(given) && given.length >= TOKEN_CHARS_MIN && given.length <= TOKEN_CHARS_MAX
    ? given
    : undefined;
}
