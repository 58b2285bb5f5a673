import { useMutation, useQueryClient, type QueryKey } from "@tanstack/react-query";

/** What changes something; what was asked under the key is asked again behind it. */
export function useChangeOf<Given, Done>(queryKey: QueryKey, change: (given: Given) => Promise<Done>) {
  const client = useQueryClient();
  return useMutation({ mutationFn: change, onSettled: () => client.invalidateQueries({ queryKey }) });
}
