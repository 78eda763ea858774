// One dispatch of one kernel, outside a plan: what packs weights at load, and what tests run.
import type { Device } from "../device/device.ts";
import { USAGE } from "../device/device.ts";
import { KernelError } from "../device/errors.ts";
import type { Tensor } from "../device/tensor.ts";
import { type AnyKernel, packParams, paramBytes, pipelineSource } from "./kernel.ts";
import type { Launch } from "./launch.ts";

/** Dispatches a kernel once and gives its output tensor, which the caller frees; `change` may put another variant. */
export async function dispatch(
  device: Device,
  kernel: AnyKernel,
  inputs: Readonly<Record<string, Tensor | undefined>>,
  params: object = {},
  change: (launch: Launch) => Launch = (launch) => launch,
): Promise<Tensor> {
  const spec = kernel.output(inputs, params);
  const launch = change(kernel.launch(inputs, params, device));
  const [x, y = 1, z = 1] = launch.workgroups;
  const isEmpty = x * y * z === 0;
  const pipeline = isEmpty ? undefined : await device.pipelines.get(pipelineSource(kernel, launch));
  const output = device.createTensor(spec, kernel.name);
  if (!pipeline) return output;
  const uniforms = new DataView(new ArrayBuffer(paramBytes(kernel)));
  packParams(kernel, launch.params, uniforms, 0);
  const uniform = device.createBuffer(uniforms.byteLength, USAGE.UNIFORM | USAGE.COPY_DST, "params");
  try {
    device.gpu.queue.writeBuffer(uniform, 0, uniforms.buffer);
    const buffers = kernel.inputs.map((name) => inputs[name]?.buffer ?? device.zero);
    buffers.push(output.buffer, uniform);
    device.gpu.pushErrorScope("validation");
    const bindGroup = device.gpu.createBindGroup({
      layout: device.pipelines.layout(kernel.inputs.length),
      entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
    });
    const encoder = device.gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroup);
    pass.dispatchWorkgroups(x, y, z);
    pass.end();
    device.gpu.queue.submit([encoder.finish()]);
    const error = await device.gpu.popErrorScope();
    if (error) throw new KernelError(`[${kernel.name}] ${error.message}`);
    return output;
  } catch (error) {
    device.free(output.buffer);
    throw error;
  } finally {
    device.free(uniform);
  }
}
