/** Gzipped bytes that a page downloads: before its first call, and on demand. */
export interface PageSize {
  readonly page: string;
  readonly first: number;
  readonly later: number;
}

export function measurePages(): Promise<PageSize[]>;
