"""The model of tiny-sam2, transformers' Sam2VideoModel, and a clip unrolled through its modules: transformers runs
videos in inference mode alone. The order and the arithmetic are those of its _run_single_frame_inference."""

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F
from transformers import Sam2VideoConfig, Sam2VideoModel
from transformers.models.sam2_video.modeling_sam2_video import get_1d_sine_pe

import recipe
from train_sam import LOW, SIZE

WIDTH, SIDE = 128, SIZE // 16
WIDTHS, BLOCKS, HEADS, WINDOWS = [32, 64, 128, 256], [1, 2, 4, 1], [1, 2, 4, 8], [8, 4, 8, 4]


# ---------------------------------------------------------------------------------------------------- model
def new_config():
    backbone = dict(hidden_size=WIDTHS[0], image_size=[SIZE, SIZE], blocks_per_stage=BLOCKS, num_attention_heads=1)
    backbone |= dict(embed_dim_per_stage=WIDTHS, num_attention_heads_per_stage=HEADS, window_size_per_stage=WINDOWS)
    backbone |= dict(global_attention_blocks=[4, 6], window_positional_embedding_background_size=[8, 8])
    vision = dict(backbone_config=backbone | dict(model_type="sam2_hiera_det_model"), fpn_hidden_size=WIDTH)
    vision |= dict(backbone_channel_list=WIDTHS[::-1])
    vision |= dict(backbone_feature_sizes=[[SIZE // n, SIZE // n] for n in (4, 8, 16)])
    decoder = dict(hidden_size=WIDTH, iou_head_hidden_dim=WIDTH, num_attention_heads=8, mlp_dim=512)
    # Where one mask is asked for it is the first one: falling back to another is not trained.
    decoder |= dict(dynamic_multimask_via_stability=False)
    c = Sam2VideoConfig(
        vision_config=vision,
        prompt_encoder_config=dict(hidden_size=WIDTH, image_size=SIZE),
        mask_decoder_config=decoder,
        image_size=SIZE,
        memory_attention_hidden_size=WIDTH,
        memory_attention_num_layers=2,
        memory_attention_feed_forward_hidden_size=256,
        memory_attention_dropout=0.0,
        memory_attention_rope_dropout=0.0,
        memory_attention_rope_feat_sizes=[SIDE, SIDE],
        memory_encoder_hidden_size=WIDTH,
        mask_downsampler_embed_dim=WIDTH,
        memory_fuser_embed_dim=WIDTH,
        memory_fuser_intermediate_dim=256,
    )
    return c


def tiny_sam_weights(folder):
    """Prompt encoder and mask decoder of tiny-sam under SAM 2's names."""
    from safetensors.torch import load_file

    weights, points = {}, {}
    for name, tensor in load_file(Path(folder) / "model.safetensors").items():
        if name.startswith("prompt_encoder.point_embed."):
            points[int(name.split(".")[2])] = tensor
        elif not name.startswith("vision_encoder."):
            for before, now in (("out_proj", "o_proj"), ("mlp.lin1", "mlp.proj_in"), ("mlp.lin2", "mlp.proj_out")):
                name = name.replace(before, now)
            weights[name] = tensor.float()
    weights["prompt_encoder.point_embed.weight"] = torch.cat([points[i] for i in range(4)]).float()
    places = weights["shared_image_embedding.positional_embedding"]
    weights["prompt_encoder.shared_embedding.positional_embedding"] = places
    return weights


def new_model(sample, sam):
    model = Sam2VideoModel(new_config())
    for part in model.modules():
        if hasattr(part, "config"):
            part.config._attn_implementation = "fast"
    for part in model.modules():  # torch's own initialisation but for embeddings
        if hasattr(part, "reset_parameters") and not isinstance(part, nn.Embedding):
            part.reset_parameters()
    missing, unknown = model.load_state_dict(tiny_sam_weights(sam), strict=False)
    assert not unknown, unknown
    backbone, c = model.vision_encoder.backbone, model.config
    backbone.patch_embed.projection.weight.data = recipe.whitening_filters(sample, 7, WIDTHS[0])
    backbone.pos_embed.data = recipe.sincos_2d(8, WIDTHS[0]).T.reshape(1, WIDTHS[0], 8, 8) * 0.5
    backbone.pos_embed_window.data.normal_(0, 0.02)
    for name in ("no_memory_embedding", "no_memory_positional_encoding", "memory_temporal_positional_encoding"):
        getattr(model, name).data.normal_(0, 0.02)
    for name in ("no_object_pointer", "occlusion_spatial_embedding_parameter"):
        getattr(model, name).data.normal_(0, 0.02)
    model.mask_downsample.weight.data.fill_(20 / 16)
    model.mask_downsample.bias.data.fill_(-10)
    for layer in model.memory_encoder.memory_fuser.layers:
        layer.scale.data.fill_(0.1)
    model.mask_decoder.pred_obj_score_head.proj_out.bias.data.fill_(2.0)  # objects are mostly there
    remember_features(model)
    model.shared_image_embedding.positional_embedding.requires_grad_(False)
    assert c.memory_encoder_output_channels * 2 == WIDTH
    return model


def remember_features(model):
    """A place looks first at places that look like it: memories start as an orthogonal projection of the features, and
    keys undo it. Deeper layers and the masks in the memories are left to learning."""
    encoder = model.memory_encoder
    encoder.feature_projection.weight.data = torch.eye(WIDTH)[:, :, None, None].clone()
    down = nn.init.orthogonal_(torch.empty(WIDTH // 2, WIDTH))
    encoder.projection.weight.data = down[:, :, None, None].clone()
    for layer in model.memory_attention.layers:
        a = layer.cross_attn_image
        q = nn.init.orthogonal_(torch.empty(WIDTH, WIDTH)) * 1.5
        a.q_proj.weight.data, a.k_proj.weight.data = q, q @ down.T
        a.v_proj.weight.data = nn.init.orthogonal_(torch.empty(WIDTH, WIDTH // 2))
        for p in (a.q_proj, a.k_proj, a.v_proj, a.o_proj):
            p.bias.data.zero_()


def encode(model, pixels):
    """Maps of the neck, NCHW: what the decoder's two skips take, and the features at a 16th."""
    levels, _ = model.vision_encoder.neck(model.vision_encoder.backbone(pixels).intermediate_hidden_states)
    fine, middle, features = levels[-3:][::-1]
    return model.mask_decoder.conv_s0(fine), model.mask_decoder.conv_s1(middle), features


def decode(model, embedding, skips, points=None, labels=None, boxes=None, mask=None):
    """All four masks (token 0: the single one), their IoU estimates, their tokens, and the object's score; one prompt a
    row. Corners of boxes are points 2 and 3, as transformers has them in videos."""
    d, n = model.mask_decoder, len(embedding)
    with torch.autocast("cpu", enabled=False):
        if points is None:
            points, labels = torch.zeros(n, 1, 0, 2), torch.zeros(n, 1, 0)
        if boxes is not None:
            points = torch.cat([boxes.view(n, 1, 2, 2), points], 2)
            labels = torch.cat([torch.tensor([2.0, 3.0]).expand(n, 1, 2), labels], 2)
        if points.shape[2] == 0:
            points, labels = torch.zeros(n, 1, 1, 2), -torch.ones(n, 1, 1)
        mask = None if mask is None else mask.float()
        sparse, dense = model.prompt_encoder(points, labels.int(), None, mask)
        own = torch.cat([d.obj_score_token.weight, d.iou_token.weight, d.mask_tokens.weight]).repeat(n, 1, 1, 1)
        tokens = torch.cat([own, sparse], 2)
        place = model.get_image_wide_positional_embeddings().expand(n, -1, -1, -1)
    out, image = d.transformer(tokens, embedding + dense, place, None)
    image = image.transpose(2, 3).reshape(n, WIDTH, SIDE, SIDE)
    up = d.activation(d.upscale_layer_norm(d.upscale_conv1(image) + skips[1]))
    up = d.activation(d.upscale_conv2(up) + skips[0])
    chosen = out[:, 0, 2:6]
    hyper = torch.stack([d.output_hypernetworks_mlps[i](chosen[:, i]) for i in range(4)], 1)
    masks = (hyper @ up.flatten(2)).view(n, 4, LOW, LOW).float()
    return masks, d.iou_prediction_head(out[:, 0, 1]).float(), chosen, d.pred_obj_score_head(out[:, 0, 0]).float()


class Memory:
    """What is remembered of N objects of a clip, frame after frame, as Sam2VideoModel gathers it: the first frame is
    the prompted one, of the others the last six count, and pointers of sixteen."""

    def __init__(self, model, features, frames=16):
        self.model, self.most = model, float(frames - 1)
        self.memories, self.pointers = [], []
        shape = torch.Size([1, WIDTH, SIDE, SIDE])
        flat = lambda code: code.flatten(2).permute(2, 0, 1)
        self.place = flat(model.vision_encoder.neck.position_encoding(shape, "cpu", torch.float32))
        half = torch.Size([1, WIDTH // 2, SIDE, SIDE])
        self.code = flat(model.memory_encoder.position_encoding(half, "cpu", torch.float32))
        self.features = features

    def keep(self, t, high, score, token):
        """`high`: what the mask of the memory is, from 0 to 1."""
        m = self.model
        there = (score > 0).float()
        encoder, c = m.memory_encoder, m.config
        mask = encoder.mask_downsampler(high * c.sigmoid_scale_for_mem_enc + c.sigmoid_bias_for_mem_enc)
        memory = encoder.projection(encoder.memory_fuser(encoder.feature_projection(self.features[t]) + mask))
        memory = memory + (1 - there)[..., None, None] * m.occlusion_spatial_embedding_parameter[..., None, None]
        pointer = there * m.object_pointer_proj(token) + (1 - there) * m.no_object_pointer
        self.memories.append(memory.flatten(2).permute(2, 0, 1))
        self.pointers.append(pointer)

    def look(self, t):
        """The features of a frame, conditioned on what is remembered."""
        m, features = self.model, self.features[t]
        n, times = len(features), m.memory_temporal_positional_encoding
        before = [0, *range(max(1, t - 6), t)]
        memories = [self.memories[i] for i in before]
        codes = [(self.code + times[(t - i if i else 0) - 1]).expand(-1, n, -1) for i in before]
        recent = [0, *range(max(1, t - 15), t)]
        pointers = torch.stack([self.pointers[i] for i in recent]).view(len(recent), n, 2, -1).transpose(1, 2)
        away = torch.tensor([float(t - i) for i in recent]) / self.most
        when = m.temporal_positional_encoding_projection_layer(get_1d_sine_pe(away, WIDTH))
        memories.append(pointers.flatten(0, 1))
        codes.append(when.repeat_interleave(2, 0)[:, None].expand(-1, n, -1))
        seen = m.memory_attention(
            current_vision_features=features.flatten(2).permute(2, 0, 1),
            current_vision_position_embeddings=self.place,
            memory=torch.cat([x.float() for x in memories]),
            memory_posision_embeddings=torch.cat([x.float() for x in codes]),
            num_object_pointer_tokens=2 * len(recent),
        )
        return seen[0].transpose(1, 2).reshape(n, WIDTH, SIDE, SIDE)


# ------------------------------------------------------------------------------------------------- unrolling
def full(low):
    return F.interpolate(low[:, None], size=(SIZE, SIZE), mode="bilinear", align_corners=False)


def follow(model, pixels, prompts, objects, at=None):
    """Goes through clips [B, T, 3, 256, 256] with `objects` objects each, and yields of each frame its masks, estimates
    and scores, and which mask counts. `prompts(t, low)` gives the prompt of a frame, or None where the memory alone
    tells; `low` is what was found without it, in frames after the first."""
    b, frames = pixels.shape[:2]
    maps = [x.unflatten(0, (b, frames)).transpose(0, 1) for x in encode(model, pixels.flatten(0, 1))]
    s0, s1, features = ([x[t].repeat_interleave(objects, 0) for t in range(frames)] for x in maps)
    memory = Memory(model, features)
    rows = torch.arange(b * objects)
    for t in range(frames):
        prompt = prompts(t, None) if t == 0 else {}
        mask = prompt.pop("as_output", None)
        if mask is not None:
            embedding, prompt = features[t], dict(mask=model.mask_downsample(mask))
        else:
            embedding = features[t] + model.no_memory_embedding.view(1, -1, 1, 1) if t == 0 else memory.look(t)
        masks, estimates, tokens, score = decode(model, embedding, (s0[t], s1[t]), **prompt)
        if t > 0 and (more := prompts(t, masks[:, 0].detach())):
            prompt = more
            masks, estimates, tokens, score = decode(model, embedding, (s0[t], s1[t]), **prompt)
        points = prompt["points"].shape[2] if "points" in prompt else 0
        isone = "boxes" in prompt or points > 1  # what is shown by more than a click is one mask
        chosen = torch.zeros_like(rows) if isone else estimates[:, 1:].argmax(1) + 1
        yield masks, estimates, score, chosen
        if t == frames - 1:
            return
        if mask is not None:
            memory.keep(t, mask, score, tokens[rows, chosen])
        else:
            high = full(torch.where(score[..., None] > 0, masks[rows, chosen], torch.tensor(-1024.0)))
            memory.keep(t, (high > 0).float() if prompt else high.sigmoid(), score, tokens[rows, chosen])
