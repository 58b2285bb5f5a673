import { primitives } from "#primitives";
import type { Ports } from "./ports.ts";

/** The world as browsers and Node have it. */
export const platform = (send: typeof fetch = globalThis.fetch): Ports => ({
  ...primitives,
  now: () => Date.now(),
  random: { bytes: (length) => crypto.getRandomValues(new Uint8Array(length)) },
  send: (url, init) => send(url, init),
  sleep: async (ms, signal) => {
    signal?.throwIfAborted();
    const over = Promise.withResolvers<void>();
    const timer = setTimeout(over.resolve, ms);
    const stop = (): void => over.reject(signal?.reason);
    signal?.addEventListener("abort", stop, { once: true });
    try {
      await over.promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
    }
  },
});
