// What is done about weights that a repository of the Hub lacks.
import type { HubRepo } from "./hubId.ts";
import type { FileSource, SourceOptions } from "./source.ts";

/** What a source of the Hub can do where weights are missing; its code is loaded then. */
export function whereMissing(
  repo: HubRepo,
  options: SourceOptions,
  reopen: (revision: string) => Promise<FileSource>,
): Required<Pick<FileSource, "list" | "conversion" | "pullRequest">> {
  const listing = async () => (await import("./hubListing.ts")).listingOf(repo, options, reopen);
  let opened: ReturnType<typeof listing> | undefined;
  const once = () => {
    opened ??= listing();
    return opened;
  };
  return {
    list: async () => (await once()).list(),
    conversion: async () => (await once()).conversion(),
    pullRequest: async () => (await once()).pullRequest(),
  };
}
