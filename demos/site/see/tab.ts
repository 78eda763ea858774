// What the four tabs of the page have in common: attention, colours, likeness and classes.

export interface Tab {
  /** Its name in the page's address. */
  readonly id: string;
  readonly title: string;
  readonly element: HTMLElement;
  /** It came into view, or model or patches changed: draws what is old anew. Takes samples when it has no pictures. */
  refresh(): Promise<void>;
  /** Pictures that were dropped on the page or pasted. */
  add(files: readonly File[]): Promise<void>;
}
