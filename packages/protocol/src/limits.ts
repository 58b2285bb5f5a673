/** Bounds of the wire, shared by both ends. Each one's consequence is in LIMITS.md. */

/** A request body, before sealing. 413 above it. */
export const BODY_BYTES_MAX = 16 * 1024 * 1024;
/** `max_tokens` where the caller gives none (the seed of this API injects the same). */
export const MAX_TOKENS_DEFAULT = 8192;
/** One message to a provider: a sealed 16 MiB body, and room. */
export const WIRE_MESSAGE_BYTES_MAX = 17 * 1024 * 1024;
/** An attempt's id, on the wire. */
export const JOB_ID_BYTES_MAX = 128;
/** Plaintext in one frame of a sealed answer; a longer rendering is cut into several. */
export const FRAME_PLAINTEXT_BYTES_MAX = 64 * 1024;
/** Frames are padded to a multiple of this, so that sizes tell less. */
export const FRAME_PADDING_BYTES = 256;
/** Sealed bytes that a provider may send ahead of the coordinator's credit, per request. */
export const ANSWER_WINDOW_BYTES = 256 * 1024;
/** Bytes that one token stands for: no vocabulary is known with a longer one. Refused in an offer above it; assumed where an offer says nothing. */
export const TOKEN_BYTES_MAX = 1024;
/** A receipt's canonical JSON: with its signatures it travels in a header, of which many clients take 8 KiB. */
export const RECEIPT_CHARS_MAX = 4096;
/** Messages of one request. */
export const MESSAGES_MAX = 2048;
export const STOP_STRINGS_MAX = 16;
export const STOP_STRING_CHARS_MAX = 256;
/** Texts of one request that become vectors, as OpenAI has it; and tokens of one that is sent as tokens. */
export const EMBED_INPUTS_MAX = 2048;
export const EMBED_INPUT_TOKENS_MAX = 131_072;
/** The vectors of one answer, as text. */
export const EMBED_ANSWER_BYTES_MAX = 15 * 1024 * 1024;
/** Answers to one prompt. */
export const CHOICES_MAX = 4;
/** Tools of one request, and the characters of a tool's name. */
export const TOOLS_MAX = 128;
export const TOOL_NAME_CHARS_MAX = 128;
/** As OpenAI has it: alternatives that are told beside each token. */
export const TOP_LOGPROBS_MAX = 20;
export const LOGIT_BIASES_MAX = 1024;
export const NONCE_CHARS_MAX = 128;
/** Of an `Idempotency-Key`, as other APIs have it. */
export const IDEMPOTENCY_KEY_CHARS_MAX = 255;
export const PINNED_SERIALS_MAX = 64;
/** How often a provider is challenged, and how long it has to answer. */
export const CHALLENGE_EVERY_MS = 5 * 60_000;
export const CHALLENGE_ANSWER_MS = 30_000;
/** A challenge older than this no longer makes a machine eligible. */
export const CHALLENGE_AGE_MAX_MS = 16 * 60_000;
/** Clocks of honest machines differ by up to this, in either direction: the one tolerance of everything that compares two. */
export const CLOCK_SKEW_MS = 2 * 60_000;
/** How long an HPKE key may serve, and how long one HPKE context may. */
export const HPKE_KEY_LIFE_MS = 24 * 60 * 60_000;
export const HPKE_CONTEXT_LIFE_MS = 60 * 60_000;
/** Machines that one envelope is sealed to: any one of them can read it. */
export const CANDIDATES_MAX = 4;
/** The clear fields of an envelope: four candidates and as many pins as there may be are half of it. */
export const SEAL_HEADER_CHARS_MAX = 16_384;
/** An envelope as a caller sends it: a body, and room for what is clear. 413 above it. */
export const SEALED_BODY_BYTES_MAX = BODY_BYTES_MAX + 64 * 1024;
/** Of a sealed answer's records: a receipt with its signatures, and an error. */
export const RECEIPT_RECORD_BYTES_MAX = 32 * 1024;
export const ERROR_RECORD_BYTES_MAX = 8 * 1024;
/** What a machine signs about a request that it cannot open. */
export const CANNOT_OPEN_CHARS_MAX = 1024;
/** An envelope is refused after this. */
export const ENVELOPE_LIFE_MS = 10 * 60_000;
/** Signed bytes of evidence that are longer are not read: 64 models and every posture fit in a quarter of it. */
export const SIGNED_BYTES_MAX = 64 * 1024;

/** Of each text of a check: three times our longest sentence. */
export const CHECK_CHARS_MAX = 1024;
