/** What a page downloads: before its first call, and on demand. */
export interface PageSize {
  readonly page: string;
  readonly bytes: number;
  readonly gzipped: number;
  readonly later: number;
}

export function measurePages(): Promise<PageSize[]>;
