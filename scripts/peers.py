"""Makes bench/peers: graphs for ONNX Runtime, and for each the list of weights to put into its external data.

    pip install onnx
    python scripts/peers.py GRAPH.onnx... [--out bench/peers]

GRAPH.onnx: exported by torch.onnx from transformers with the weights as external data, some with ONNX Runtime's
transformer fusions. NAME.json lists { offset, length, from, as }: `from` names the checkpoint's tensors, `as` says how the graph holds them:
as they are, transposed, (qkv) transposed side by side, or a convolution's weight or bias with batch norm folded in.
matmul.onnx is one MatMul of any size.
"""

import argparse
import json
import re
import shutil
from pathlib import Path

import onnx
from onnx import TensorProto, helper

# From a graph's names to the checkpoint's, by the beginning of the graph's file name.
RULES = {
    "clip-": [
        (r"^v\.", "vision_model."),
        (r"^t\.", "text_model."),
        (r"^p\.", lambda graph: ("visual" if ".image" in graph else "text") + "_projection."),
    ],
    "dino-vit": [
        (r"^m\.(layers\.)?", lambda graph: "encoder.layer."),
        (r"^encoder\.layer\.(embeddings|layernorm)\.", r"\1."),
        (r"\.attention\.q_proj\.", ".attention.attention.query."),
        (r"\.attention\.k_proj\.", ".attention.attention.key."),
        (r"\.attention\.v_proj\.", ".attention.attention.value."),
        (r"\.attention\.o_proj\.", ".attention.output.dense."),
        (r"\.mlp\.fc1\.", ".intermediate.dense."),
        (r"\.mlp\.fc2\.", ".output.dense."),
    ],
    "dino-resnet": [(r"^m\.", "")],
}


def checkpoint_name(name, graph):
    rules = next((rules for start, rules in RULES.items() if graph.startswith(start)), None)
    if rules is None:
        raise SystemExit(f"{graph}: no rules for its names")
    for pattern, to in rules:
        name = re.sub(pattern, to(graph) if callable(to) else to, name)
    return name


def bias_after(model, output):
    """The bias that is added to a product: it names the product's weight."""
    for node in model.graph.node:
        if output in node.input:
            for name in node.input:
                if name.endswith(".bias") and "norm" not in name:
                    return name
    raise SystemExit(f"nothing adds a bias to {output}")


def source_of(model, tensor, graph):
    if tensor.startswith("Attention_"):
        layer, kind = tensor.split("_")[1], tensor.rsplit("_", 1)[1]
        prefix = checkpoint_name(("v." if ".image" in graph else "t.") + f"encoder.layers.{layer}.self_attn.", graph)
        return [f"{prefix}{part}_proj.{kind}" for part in "qkv"], "qkv" if kind == "weight" else "same"
    if graph.startswith("dino-resnet"):
        conv = checkpoint_name(tensor, graph).removesuffix("weight_bias").removesuffix("weight")
        norm = [conv.replace("convolution", "normalization") + part for part in ("weight", "running_var")]
        if tensor.endswith("_bias"):
            return norm + [norm[0].replace("weight", part) for part in ("bias", "running_mean")], "foldedBias"
        return [f"{conv}weight", *norm], "folded"
    if "." in tensor:
        return [checkpoint_name(tensor, graph)], "same"
    product = next(node for node in model.graph.node if node.op_type == "MatMul" and tensor in node.input)
    bias = bias_after(model, product.output[0])
    return [checkpoint_name(bias.removesuffix("bias") + "weight", graph)], "transposed"


def layout(path, out):
    model = onnx.load(path, load_external_data=False)
    rows = []
    for tensor in model.graph.initializer:
        where = {entry.key: entry.value for entry in tensor.external_data}
        if where:
            names, form = source_of(model, tensor.name, path.name)
            rows.append({"offset": int(where["offset"]), "length": int(where["length"]), "from": names, "as": form})
    (out / f"{path.stem}.json").write_text("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")
    shutil.copyfile(path, out / path.name)


def matmul(out):
    shapes = {"a": ["M", "K"], "b": ["K", "N"], "c": ["M", "N"]}
    value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shapes[name])
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["a", "b"], ["c"])], "matmul", [value("a"), value("b")], [value("c")]
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), out / "matmul.onnx")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("graphs", nargs="*", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent.parent / "bench" / "peers")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    matmul(options.out)
    for path in options.graphs:
        layout(path, options.out)
