// One dispatch of one kernel, outside a plan: what packs weights at load, and what tests run.
import type { Device } from "../device/device.ts";
import { USAGE } from "../device/device.ts";
import type { Tensor } from "../device/tensor.ts";
import { type AnyKernel, bindingCounts, packParams, paramBytes, pipelineSource } from "./kernel.ts";
import type { Launch } from "./launch.ts";

type TensorInputs = Readonly<Record<string, Tensor | undefined>>;

/** Dispatches a kernel once and gives its first output, which the caller frees; `change` may put another variant. */
export async function dispatch(
  device: Device,
  kernel: AnyKernel,
  inputs: TensorInputs,
  params: object = {},
  change?: (launch: Launch) => Launch,
): Promise<Tensor> {
  const [first, ...further] = await dispatchAll(device, kernel, inputs, params, change);
  for (const { buffer } of further) device.free(buffer);
  return first as Tensor;
}

/** Dispatches a kernel once and gives every output, in the record's order; the caller frees them. */
export async function dispatchAll(
  device: Device,
  kernel: AnyKernel,
  inputs: TensorInputs,
  params: object = {},
  change: (launch: Launch) => Launch = (launch) => launch,
): Promise<Tensor[]> {
  const specs = kernel.outputSpecs(inputs, params);
  const launch = change(kernel.launch(inputs, params, device));
  const isEmpty = launch.workgroups.some((count) => count === 0);
  const pipeline = isEmpty ? undefined : await device.pipelines.get(pipelineSource(kernel, launch));
  const outputs: Tensor[] = [];
  let uniform: GPUBuffer | undefined;
  try {
    const { problem } = device.own(() => {
      for (const spec of specs) outputs.push(device.createTensor(spec, kernel.name));
      if (!pipeline) return;
      uniform = device.createBuffer(paramBytes(kernel), USAGE.UNIFORM | USAGE.COPY_DST, "params");
      submitOnce(device, kernel, pipeline, launch, { inputs, outputs, uniform });
    });
    const failure = await problem;
    if (failure) throw failure;
    return outputs;
  } catch (error) {
    for (const { buffer } of outputs) device.free(buffer);
    throw error;
  } finally {
    if (uniform) device.free(uniform);
  }
}

interface Bound {
  readonly inputs: TensorInputs;
  readonly outputs: readonly Tensor[];
  readonly uniform: GPUBuffer;
}

function submitOnce(
  device: Device,
  kernel: AnyKernel,
  pipeline: GPUComputePipeline,
  launch: Launch,
  { inputs, outputs, uniform }: Bound,
): void {
  const params = new DataView(new ArrayBuffer(paramBytes(kernel)));
  packParams(kernel, launch.params, params, 0);
  device.gpu.queue.writeBuffer(uniform, 0, params.buffer);
  const read = kernel.inputs.map((name) => inputs[name]?.buffer ?? device.zero);
  const buffers = [...read, ...outputs.map(({ buffer }) => buffer), uniform];
  const bindGroup = device.gpu.createBindGroup({
    layout: device.pipelines.layout(bindingCounts(kernel)),
    entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  const encoder = device.gpu.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, bindGroup);
  pass.dispatchWorkgroups(...launch.workgroups);
  pass.end();
  device.gpu.queue.submit([encoder.finish()]);
}
