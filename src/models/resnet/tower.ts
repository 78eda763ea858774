// What reads and runs a ResNet, in one module: pages load it when a checkpoint asks for it.

export { resnetConfig } from "./config.ts";
export { resnet } from "./model.ts";
export { resnetNaming } from "./names.ts";
