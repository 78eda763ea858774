"""Makes bench/peers: what ONNX Runtime runs in `npm run bench -- peers`, without weights.

    pip install torch torchvision transformers open_clip_torch onnx onnxscript onnxruntime
    python scripts/peers.py [NAME...] [--out bench/peers]

Models are exported by torch.onnx with the weights that test/golden/MODEL/manifest.json stands for (seeded.py), in up
to three forms, which give the same on ONNX Runtime's CPU provider: NAME.onnx as exported; NAME.norms.onnx, where ONNX
Runtime's optimiser of transformers put residuals into norms and biases into activations; NAME.fused.onnx, where each
attention is one MultiHeadAttention as well. NAME.heads.onnx has large attentions head by head: as exported, ONNX
Runtime's WebGPU gives wrong results for scores beyond 128 MiB, the default limit of a binding. All weights are external
data; NAME.json says where each comes from: a list of { offset, from, as }, `from` naming the checkpoint's tensors and
`as` saying how the graph holds them. A weight is found by its values, so that a wrong name cannot slip in. The other
graphs are one operation, some in a chain.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import seeded

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "test" / "golden"
SMALL = 64  # elements; what has fewer stays in the graph


# ------------------------------------------------------------------------------------------------- where weights are
def add_batch_norms(sources, state):
    """Convolutions with the batch norm after them folded in."""
    for name in state:
        for conv, norm in (("convolution", "normalization"), ("downsample.0", "downsample.1"), ("conv", "bn")):
            head, _, tail = name.removesuffix(".weight").rpartition(conv)
            stem = head + norm + tail
            if name.endswith(f"{conv}{tail}.weight") and (stem + ".running_var") in state:
                parts = [stem + part for part in (".weight", ".running_var", ".bias", ".running_mean")]
                gamma, variance, beta, mean = (state[part].astype(np.float64) for part in parts)
                factor = gamma / np.sqrt(variance + 1e-5)
                folded = state[name] * factor.reshape(-1, 1, 1, 1)
                sources.append(([name, *parts[:2]], "folded", folded))
                sources.append((parts, "foldedBias", beta - mean * factor))


def add_attentions(sources, state):
    """q, k and v side by side."""
    for name in state:
        if ".q_proj." in name:
            names = [name.replace(".q_proj.", f".{part}_proj.") for part in "qkv"]
            parts = [state[part] for part in names]
            if len({part.shape[-1] for part in parts}) > 1:
                continue  # keys and values of something else
            if name.endswith(".weight"):
                sources.append((names, "qkv", np.concatenate([part.T for part in parts], 1)))
            else:
                sources.append((names, "same", np.concatenate(parts)))


def sources_of(state):
    """(names, form, values) of whatever a graph may hold."""
    sources = []
    for name, values in state.items():
        sources.append(([name], "same", values))
        if values.ndim == 2:
            sources.append(([name], "transposed", values.T))
        if ".rel_pos_" in name:
            side = (len(values) + 1) // 2
            at = np.arange(side)[:, None] - np.arange(side)[None, :] + side - 1
            sources.append(([name], "distances", values[at]))
        if name.endswith("iou_token.weight"):
            masks = name.replace("iou_token", "mask_tokens")
            sources.append(([name, masks], "same", np.concatenate([values, state[masks]])))
    add_batch_norms(sources, state)
    add_attentions(sources, state)
    by_size = {}
    for source in sources:
        by_size.setdefault(source[2].size, []).append(source)
    return by_size


def find(sources, values):
    flat = values.ravel()
    for names, form, wanted in sources.get(flat.size, []):
        if np.allclose(flat, wanted.ravel(), rtol=1e-5, atol=1e-7):
            return names, form
    return None


def write(model, sources, out, name):
    """NAME.onnx without weights and NAME.json."""
    rows, offset = [], 0
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        found = values.dtype == np.float32 and values.size >= SMALL and find(sources, values)
        if not found:
            if values.nbytes > 1 << 16:
                raise SystemExit(f"{name}: {tensor.name} {values.shape} is no weight of the checkpoint")
            continue
        rows.append({"offset": offset, "from": found[0], "as": found[1]})
        external(tensor, f"{name}.onnx.data", offset, values.nbytes)
        offset += -(-values.nbytes // 64) * 64
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    del model.graph.value_info[:], model.graph.metadata_props[:], model.metadata_props[:], model.functions[:]
    onnx.save(model, out / f"{name}.onnx")
    (out / f"{name}.json").write_text("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")
    size = (out / f"{name}.onnx").stat().st_size
    print(f"{name}: {len(model.graph.node)} nodes, {len(rows)} weights, {size} bytes", flush=True)


def external(tensor, location, offset, length):
    tensor.ClearField("raw_data"), tensor.ClearField("float_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", offset), ("length", length)):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, str(value)


# ------------------------------------------------------------------------------------------------------------ fusion
def with_attention(model, sizes, causal=False):
    """Each softmax(q k^T) v becomes one MultiHeadAttention; None where there is none to find.

    sizes: heads and channels, where the graph leaves one of them to be inferred.
    """
    model = onnx.ModelProto.FromString(model.SerializeToString())
    graph = model.graph
    made_by = {output: node for node in graph.node for output in node.output}
    users = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    count = 0
    for softmax in [node for node in graph.node if node.op_type == "Softmax"]:
        scores = made_by[softmax.input[0]]
        scale = 1.0
        while scores.op_type != "MatMul":
            value = constants.get(scores.input[1])
            if scores.op_type in ("Mul", "Div") and value is not None and value.size == 1:
                scale *= value.item() if scores.op_type == "Mul" else 1 / value.item()
            scores = made_by[scores.input[0]]
        product = users[softmax.output[0]][0]
        split = [heads_of(made_by, constants, name) for name in (*scores.input, product.input[1])]
        joined = users[users[product.output[0]][0].output[0]][0]
        if None in split or joined.op_type != "Reshape":
            return None
        count += 1
        scale *= np.prod([part[1] for part in split[:2]])
        insert_attention(graph, joined, split, constants, sizes, scale, causal, count)
    remove_dead(graph)
    if "com.microsoft" not in [opset.domain for opset in model.opset_import]:
        model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return model if count else None


def heads_of(made_by, constants, name):
    """The [B, T, H, D] that a transposed, maybe scaled operand was, the scale, and the Reshape that made it."""
    scale = 1.0
    node = made_by[name]
    while node.op_type in ("Mul", "Transpose"):
        if node.op_type == "Mul":
            if constants.get(node.input[1], np.empty(0)).size != 1:
                return None
            scale *= constants[node.input[1]].item()
        node = made_by[node.input[0]]
    is_split = node.op_type == "Reshape" and len(constants[node.input[1]]) == 4
    return (node, scale) if is_split else None


def insert_attention(graph, joined, split, constants, sizes, scale, causal, count):
    inputs = []
    for i, (node, _) in enumerate(split):
        shape = constants[node.input[1]]
        heads, width = (int(shape[2]), int(shape[2] * shape[3])) if min(shape) > 0 else sizes
        name = f"mha{count}.{i}"
        flat = np.array([shape[0], shape[1], width], np.int64)
        graph.initializer.append(numpy_helper.from_array(flat, f"{name}.shape"))
        reshape = helper.make_node("Reshape", [node.input[0], f"{name}.shape"], [name])
        graph.node.insert(list(graph.node).index(joined), reshape)
        inputs.append(name)
    attention = helper.make_node(
        "MultiHeadAttention",
        inputs,
        [f"mha{count}"],
        domain="com.microsoft",
        num_heads=heads,
        scale=float(scale),
        unidirectional=int(causal),
    )
    graph.node.insert(list(graph.node).index(joined), attention)
    joined.input[0] = f"mha{count}"


def remove_dead(graph):
    while True:
        used = {name for node in graph.node for name in node.input} | {output.name for output in graph.output}
        dead = [node for node in graph.node if not used.intersection(node.output)]
        for node in dead:
            graph.node.remove(node)
        if not dead:
            break
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in used]:
        graph.initializer.remove(tensor)


def optimised(model, heads, width):
    """What ONNX Runtime's own optimiser of transformers makes of it: residuals into norms, biases into activations.

    Its Attention is left out: with WebGPU that operator's result is off by 3 % of the largest value in CLIP.
    """
    from onnxruntime.transformers.fusion_options import FusionOptions
    from onnxruntime.transformers.optimizer import optimize_model

    options = FusionOptions("clip")
    options.enable_attention = False

    with tempfile.TemporaryDirectory() as tmp:
        onnx.save(model, f"{tmp}/model.onnx")
        sizes = dict(num_heads=heads, hidden_size=width)
        return optimize_model(
            f"{tmp}/model.onnx", "clip", opt_level=0, optimization_options=options, **sizes
        ).model


# ------------------------------------------------------------------------------------------------------------ models
def seeded_state(folder):
    rows = json.loads((GOLDEN / folder / "manifest.json").read_text())
    return rows, {row["name"]: seeded.tensor(**row) for row in rows}


def pretrained(kind, folder, **options):
    """A model of transformers with the weights of the manifest."""
    import torch

    rows, _ = seeded_state(folder)
    with tempfile.TemporaryDirectory() as tmp:
        (Path(tmp) / "config.json").write_text((GOLDEN / folder / "config.json").read_text())
        seeded.write(rows, Path(tmp) / "model.safetensors")
        return kind.from_pretrained(tmp, dtype=torch.float32, **options).eval()


def exported(forward, model, inputs, outputs):
    import torch

    class Wrapped(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.m = model

        def forward(self, *given):
            return forward(self.m, *given)

    names = dict(input_names=list(inputs), output_names=outputs)
    with torch.no_grad():
        program = torch.onnx.export(
            Wrapped().eval(), tuple(inputs.values()), dynamo=True, opset_version=20, verbose=False, **names
        )
    return program.model_proto


def clip_vit(part):
    import torch
    import transformers as tf

    model = pretrained(tf.CLIPModel, "clip-vit-base-patch32", attn_implementation="eager")
    if part == "image":
        forward = lambda m, x: m.visual_projection(m.vision_model(x).pooler_output)
        return exported(forward, model, {"x": torch.zeros(1, 3, 224, 224)}, ["y"]), (12, 768)
    ids = torch.arange(77)[None] + 49408 - 77
    return exported(lambda m, x: m.text_projection(m.text_model(x).pooler_output), model, {"x": ids}, ["y"]), (8, 512)


def clip_resnet():
    import open_clip
    import torch

    config = json.loads((GOLDEN / "clip-resnet50" / "open_clip_config.json").read_text())["model_cfg"]
    parts = (config["embed_dim"], config["vision_cfg"], config["text_cfg"])
    model = open_clip.model.CLIP(*parts, quick_gelu=True).eval()
    _, state = seeded_state("clip-resnet50")
    model.load_state_dict({name: torch.from_numpy(np.asarray(x)) for name, x in state.items()}, strict=False)
    return exported(lambda m, x: m.visual(x), model, {"x": torch.zeros(1, 3, 224, 224)}, ["y"]), None


def dino_vit(folder):
    import torch
    import transformers as tf

    model = pretrained(tf.ViTModel, folder, attn_implementation="eager", add_pooling_layer=False)
    x = torch.zeros(1, 3, 224, 224)
    return exported(lambda m, x: m(x).last_hidden_state, model, {"x": x}, ["y"]), (6, 384)


def dino_resnet():
    import torch
    import transformers as tf

    model = pretrained(tf.ResNetModel, "dino-resnet50")
    return exported(lambda m, x: m(x).pooler_output, model, {"x": torch.zeros(1, 3, 224, 224)}, ["y"]), None


def sam(part):
    import torch
    import transformers as tf

    model = pretrained(tf.SamModel, "sam-vit-base", attn_implementation="eager")
    if part == "encoder":
        forward = lambda m, x: m.vision_encoder(x).last_hidden_state
        return exported(forward, model, {"x": torch.zeros(1, 3, 1024, 1024)}, ["y"]), None

    def forward(m, e, p, l):
        made = m(image_embeddings=e, input_points=p, input_labels=l, multimask_output=True)
        return made.pred_masks, made.iou_scores

    inputs = {
        "e": torch.zeros(1, 256, 64, 64),
        "p": torch.full((1, 1, 1, 2), 500.0),
        "l": torch.ones(1, 1, 1, dtype=torch.int64),
    }
    return exported(forward, model, inputs, ["masks", "iou"]), None


def split_heads(module):
    """Attention whose scores take more than a binding of WebGPU's default limit becomes one for each head."""
    import torch

    whole = module.eager_attention_forward

    def attention(layer, q, k, v, *given, **options):
        heads = q.shape[1]
        if 4 * q.shape[0] * heads * q.shape[2] * k.shape[2] <= 1 << 27:
            return whole(layer, q, k, v, *given, **options)
        parts = [[x[:, head : head + 1] for x in (q, k, v)] for head in range(heads)]
        return torch.cat([whole(layer, *part, *given, **options)[0] for part in parts], 2), None

    module.eager_attention_forward = attention


def sam2(part):
    """Of a checkpoint for videos: the encoder's three maps, or the masks of a point from them."""
    import torch
    import transformers as tf

    model = pretrained(tf.Sam2Model, "sam2.1-hiera-tiny", attn_implementation="eager")
    model.prompt_encoder.shared_embedding.positional_embedding = model.shared_image_embedding.positional_embedding
    maps = ["skip0", "skip1", "e"]
    if part.startswith("encoder"):
        if part == "encoder.heads":
            split_heads(tf.models.sam2.modeling_sam2)
        forward = lambda m, x: tuple(m.get_image_embeddings(x))
        return exported(forward, model, {"x": torch.zeros(1, 3, 1024, 1024)}, maps), None

    def forward(m, skip0, skip1, e, p, l):
        made = m(image_embeddings=[skip0, skip1, e], input_points=p, input_labels=l, multimask_output=True)
        return made.pred_masks, made.iou_scores

    shapes = [(1, 32, 256, 256), (1, 64, 128, 128), (1, 256, 64, 64)]
    inputs = {name: torch.zeros(shape) for name, shape in zip(maps, shapes)}
    inputs |= {"p": torch.full((1, 1, 1, 2), 500.0), "l": torch.ones(1, 1, 1, dtype=torch.int64)}
    return exported(forward, model, inputs, ["masks", "iou"]), None


MODELS = {
    "clip-vit-base-patch32.image": lambda: clip_vit("image"),
    "clip-vit-base-patch32.text": lambda: clip_vit("text"),
    "clip-resnet50.image": clip_resnet,
    "dino-vits16": lambda: dino_vit("dino-vits16"),
    "dino-vits8": lambda: dino_vit("dino-vits8"),
    "dino-resnet50": dino_resnet,
    "sam-vit-base.decoder": lambda: sam("decoder"),
    "sam-vit-base.encoder": lambda: sam("encoder"),
    "sam2.1-hiera-tiny.decoder": lambda: sam2("decoder"),
    "sam2.1-hiera-tiny.encoder": lambda: sam2("encoder"),
    "sam2.1-hiera-tiny.encoder.heads": lambda: sam2("encoder.heads"),
}


def result_of(model):
    """What ONNX Runtime's CPU provider gives for inputs that are always the same."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(1)
    feeds = {}
    for given in session.get_inputs():
        ints = np.arange(np.prod(given.shape), dtype=np.int64).reshape(given.shape) + 1
        feeds[given.name] = ints if given.type == "tensor(int64)" else rng.standard_normal(given.shape, np.float32)
    return session.run(None, feeds)[0]


def make_model(name, out):
    model, transformer = MODELS[name]()
    folder = name
    while not (GOLDEN / folder).is_dir():
        folder = folder.rpartition(".")[0]
    sources = sources_of(seeded_state(folder)[1])
    norms = transformer and optimised(model, *transformer)
    has_heads = transformer or name == "sam-vit-base.decoder"
    fused = has_heads and with_attention(norms or model, transformer, causal=name.endswith(".text"))
    wanted = result_of(model) if has_heads else None
    for form, made in (("", model), (".norms", norms), (".fused", fused)):
        if not made:
            continue
        if form:
            error = np.abs(result_of(made) - wanted).max() / np.abs(wanted).max()
            if not error < 1e-3:
                raise SystemExit(f"{name}{form} differs by {error} from what was exported")
        write(made, sources, out, name + form)


# -------------------------------------------------------------------------------------------------- single operations
def value(name, shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def save(name, out, nodes, inputs, output, weights=()):
    """weights: (name, shape, names in the manifest), as external data."""
    tensors, rows, offset = [], [], 0
    for weight, shape, source in weights:
        if isinstance(shape, np.ndarray):
            tensors.append(numpy_helper.from_array(shape, weight))
            continue
        tensor = TensorProto(name=weight, dims=shape, data_type=TensorProto.FLOAT)
        length = 4 * int(np.prod(shape))
        external(tensor, f"{name}.onnx.data", offset, length)
        tensors.append(tensor)
        rows.append({"offset": offset, "from": [source], "as": "same"})
        offset += length
    graph = helper.make_graph(nodes, name, inputs, [output], tensors)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), out / f"{name}.onnx")
    (out / f"{name}.json").write_text("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")


def matmul(out):
    node = helper.make_node("MatMul", ["a", "b"], ["y"])
    save("matmul", out, [node], [value("a", ["M", "K"]), value("b", ["K", "N"])], value("y", ["M", "N"]))


def layer_norm(out, times=16):
    nodes, x = [], "x"
    for i in range(times):
        y = "y" if i == times - 1 else f"x{i}"
        nodes.append(helper.make_node("LayerNormalization", [x, "weight", "bias"], [y], axis=-1, epsilon=1e-5))
        x = y
    weights = [("weight", [768], "weight"), ("bias", [768], "bias")]
    save("layerNorm", out, nodes, [value("x", ["N", 768])], value("y", ["N", 768]), weights)


def convolution(out, channels, side, times=4):
    """A ResNet's 3x3 layer with its ReLU, again and again."""
    nodes, x = [], "x"
    for i in range(times):
        y = "y" if i == times - 1 else f"x{i}"
        nodes.append(helper.make_node("Conv", [x, "weight", "bias"], [f"c{i}"], pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [f"c{i}"], [y]))
        x = y
    shape = [1, channels, side, side]
    weights = [("weight", [channels, channels, 3, 3], "weight"), ("bias", [channels], "bias")]
    save(f"conv{channels}", out, nodes, [value("x", shape)], value("y", shape), weights)


def attention(out, heads=12, width=768):
    shape = [1, "T", width]
    given = [value(name, shape) for name in "qkv"]
    node = helper.make_node("MultiHeadAttention", ["q", "k", "v"], ["y"], domain="com.microsoft", num_heads=heads)
    save("attention.mha", out, [node], given, value("y", shape))
    nodes = []
    for name, perm in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3])):
        nodes.append(helper.make_node("Reshape", [name, "split"], [f"{name}1"]))
        nodes.append(helper.make_node("Transpose", [f"{name}1"], [f"{name}2"], perm=perm))
    nodes += [
        helper.make_node("MatMul", ["q2", "k2"], ["scores"]),
        helper.make_node("Mul", ["scores", "scale"], ["scaled"]),
        helper.make_node("Softmax", ["scaled"], ["weights"], axis=-1),
        helper.make_node("MatMul", ["weights", "v2"], ["heads"]),
        helper.make_node("Transpose", ["heads"], ["rows"], perm=[0, 2, 1, 3]),
        helper.make_node("Reshape", ["rows", "join"], ["y"]),
    ]
    split, join = np.array([0, 0, heads, width // heads], np.int64), np.array([0, 0, width], np.int64)
    scale = np.array((width // heads) ** -0.5, np.float32)
    constants = [("split", split, ""), ("join", join, ""), ("scale", scale, "")]
    save("attention", out, nodes, given, value("y", shape), constants)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(MODELS), help=f"of {', '.join(MODELS)}")
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "peers")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    matmul(options.out)
    layer_norm(options.out)
    for channels, side in ((64, 56), (128, 28), (256, 14), (512, 7)):
        convolution(options.out, channels, side)
    attention(options.out)
    for name in options.names:
        make_model(name, options.out)
