/** A request whose body is an envelope, sent to the path of the endpoint that it names. */
export const SEALED_REQUEST_TYPE = "application/vnd.darkbloom.sealed";
/** An answer that is records: frames, and what the coordinator says in the clear. */
export const SEALED_STREAM_TYPE = "application/vnd.darkbloom.sealed-stream";
