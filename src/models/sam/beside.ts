// Tensors of SAM's checkpoints that its models do not read, and why that is right.

/** Names of tensors that checkpoints hold beside the model. */
export const BESIDE: readonly RegExp[] = [
  /^(prompt_encoder\.)?shared_(image_)?embedding\.positional_embedding$/, // one matrix under the names of two modules
  /^pixel_(mean|std)$/, // segment-anything's buffers, which are those of the processor
  /^image_encoder\.(norm_head|head)\./, // MobileSAM: TinyViT's classifier
  /\.attention_bias_idxs$/, // TinyViT: which bias is of which pair, a buffer
];
