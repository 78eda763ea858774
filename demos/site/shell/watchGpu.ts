// Notices that the GPU went away while nobody used it: a device of the page's own, which holds nothing, goes with it.
import { note } from "./messages.ts";

/** A device that nothing refers to may be collected, and its loss is never told then. */
const watched = new Set<GPUDevice>();

/** Tells the visitor when the GPU is lost, and keeps watching. The engine opens it again at the next call. */
export async function watchGpu(adapter: GPUAdapter): Promise<void> {
  const device = await adapter.requestDevice().catch(() => undefined);
  if (!device) return;
  watched.add(device);
  await device.lost;
  watched.delete(device);
  note(
    "A driver was reset or the computer slept. It is opened again with the next call, and your pictures are all here.",
    {
      title: "The GPU was lost",
    },
  );
  await new Promise((resolve) => setTimeout(resolve, 2000)); // a driver needs a moment
  const next = await navigator.gpu.requestAdapter().catch(() => null);
  if (next) void watchGpu(next);
}
