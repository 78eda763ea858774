// What reads and runs a ResNet, in one module: pages load it when a checkpoint asks for it.
export { resnet } from "./resnet.ts";
export { resnetConfig } from "./resnetConfig.ts";
export { resnetNaming } from "./resnetNames.ts";
