// The Hub as a page reads it: what Cache Storage holds of it first, then the Hub.

import { hubLabel, openRemote, resolveUrl } from "./hub.ts";
import type { HubRepo } from "./hubId.ts";
import { openKept } from "./keptFiles.ts";
import type { FileSource, SourceOptions } from "./source.ts";
import { whereMissing } from "./whereMissing.ts";

/** The files of a Hub repository, kept in Cache Storage unless `cache` is false or the page has none (plain http). */
export function openHubInPage(repo: HubRepo, options: SourceOptions): FileSource {
  const open = (file: string) => openKept(file, resolveUrl(repo, file), options, () => openRemote(repo, file, options));
  const reopen = async (revision: string) => openHubInPage({ ...repo, revision }, options);
  return { name: hubLabel(repo), open, ...whereMissing(repo, options, reopen) };
}
