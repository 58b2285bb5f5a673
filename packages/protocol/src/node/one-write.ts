import type { Writable } from "node:stream";

/**
 * Has what is written to a socket from here to the end of this step leave in one system call, with one wake-up of whoever
 * reads it. To be called before each write.
 */
export function oneWrite(socket: Writable): () => void {
  let isGathering = false;
  const end = () => {
    isGathering = false;
    socket.uncork();
  };
  return () => {
    if (isGathering) return;
    isGathering = true;
    socket.cork();
    process.nextTick(end);
  };
}
