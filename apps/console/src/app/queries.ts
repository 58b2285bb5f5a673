import { QueryClient } from "@tanstack/react-query";
import { ApiError } from "../api/client.ts";

const TRIES_MAX = 2;

/** What was asked of the coordinator, for as long as the page is open. */
export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      // Changes are told; see `api/live.ts`.
      staleTime: 60_000,
      retry: (failures, error) => failures < TRIES_MAX && !(error instanceof ApiError && error.status < 500),
    },
  },
});
