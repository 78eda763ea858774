export interface AuditAnswer {
  readonly line: string;
  readonly isFailure: boolean;
}
export function vulnerabilities(printed: string): AuditAnswer | undefined;
export function signatures(printed: string): AuditAnswer | undefined;
