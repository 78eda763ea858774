// Tensors that checkpoints hold beside their model: nothing reads them, and that is right. What else is not read is an
// error (unread.ts).
import type { ModelClass } from "./family.ts";

/** Buffers that frameworks keep among the weights, which no model reads. */
export const BUFFERS: readonly RegExp[] = [
  /(^|\.)num_batches_tracked$/, // BatchNorm2d: counts of batches
  /(^|\.)position_ids$/, // older transformers: 0, 1, 2 …
  /^(text\.)?attn_mask$/, // older open_clip: the causal mask
  /^n_averaged$/, // AveragedModel of torch.optim.swa_utils: how many models it is the mean of
];

/** By the class that runs the model. */
export const BESIDE: Readonly<Record<ModelClass, readonly RegExp[]>> = {
  Clip: [
    /^logit_(scale|bias)$/, // read by Clip.similarity
    /^(input_resolution|context_length|vocab_size)$/, // OpenAI's own files: sizes
    /^classifier\./, // CLIPForImageClassification
  ],
  Dino: [
    /^(heads?|head_dist|fc|fc_norm|classifier|lm_head|linear(_head)?)\./, // classifiers', and DINO's own
    /^(dino_head|ibot_head|projection_head|prototypes|projectors)\./, // of training: DINOv2, SwAV, distilled DINOv3
    /^(embeddings\.)?mask_token$/, // stands for patches that training hides
    /^pooler\./, // ViTModel's, which DINO was not trained with
    /^decoder\./, // of masked image modelling
    /^rope_embed\.periods$|\.qkv\.bias_mask$/, // DINOv3's buffers, which its config says too
    /^local_cls_norm\./, // DINOv3's largest: the class token of small crops, in training
  ],
  Sam: [
    /^(prompt_encoder\.)?shared_(image_)?embedding\.positional_embedding$/, // one matrix under the names of two modules
    /^pixel_(mean|std)$/, // segment-anything's buffers, which are those of the processor
    /^image_encoder\.(norm_head|head)\./, // MobileSAM: TinyViT's classifier
    /\.attention_bias_idxs$/, // TinyViT: which bias is of which pair, a buffer
  ],
};
