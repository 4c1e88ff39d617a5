"""Write the tiny chat model in the formats that model servers load: a Hugging Face folder and a GGUF file.

    python make.py OUT            ->  OUT/hf/ (vLLM, SGLang) and OUT/tiny.gguf (llama-server), in under a second

Runs in a model server's own environment (numpy, safetensors, gguf), never in the project's. The model is a Llama of
787,072 parameters that `train.py` taught a handful of conversations; at temperature 0 it answers

    hello                                        Hello! How can I help you today?
    say stone tiger       (words of train.WORDS) stone tiger
    count to 7            (3..20)                1 2 3 4 5 6 7
    weather in Paris            with get_weather one call {"city": "Paris"}
    weather in Paris and Rome   with get_weather two parallel calls
    (tool outputs "river 21", "stone 3")         The result is: river 21, stone 3
    think about river                            <think>...</think>river

and knows nothing else. With a JSON schema it likes white space without end, so servers are started with it forbidden.
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from safetensors.numpy import load_file, save_file

HERE = Path(__file__).parent
CONTEXT = 2048
VOCABULARY, LAYERS, HIDDEN, HEADS, KEY_VALUE_HEADS, HEAD_SIZE, FEED_FORWARD = 1536, 2, 128, 4, 2, 32, 384
ROPE_BASE, EPSILON = 10000.0, 1e-5
END_OF_TEXT, TURN_END = 0, 2

Weights = dict[str, np.ndarray]


def main(out: Path) -> None:
    weights = {name: tensor.astype(np.float32) for name, tensor in load_file(HERE / "model.safetensors").items()}
    tokenizer = json.loads((HERE / "tokenizer.json").read_text())
    write_folder(out / "hf", weights, tokenizer)
    write_gguf(out / "tiny.gguf", weights, tokenizer)


def write_folder(folder: Path, weights: Weights, tokenizer: dict[str, Any]) -> None:
    """Write what `transformers` reads: ChatML with Hermes tools (parser `hermes` in vLLM, `qwen25` in SGLang)."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    for name in ("tokenizer.json", "chat_template.jinja"):
        shutil.copyfile(HERE / name, folder / name)
    _write_json(
        folder / "config.json",
        {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "vocab_size": VOCABULARY,
            "hidden_size": HIDDEN,
            "intermediate_size": FEED_FORWARD,
            "num_hidden_layers": LAYERS,
            "num_attention_heads": HEADS,
            "num_key_value_heads": KEY_VALUE_HEADS,
            "head_dim": HEAD_SIZE,
            "max_position_embeddings": CONTEXT,
            "rms_norm_eps": EPSILON,
            "rope_theta": ROPE_BASE,
            "hidden_act": "silu",
            "attention_bias": False,
            "mlp_bias": False,
            "tie_word_embeddings": False,
            "bos_token_id": END_OF_TEXT,
            "eos_token_id": TURN_END,
            "pad_token_id": END_OF_TEXT,
            "torch_dtype": "float32",
        },
    )
    _write_json(
        folder / "generation_config.json",
        {"bos_token_id": END_OF_TEXT, "eos_token_id": [TURN_END, END_OF_TEXT], "pad_token_id": END_OF_TEXT},
    )
    _write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "added_tokens_decoder": {
                str(token["id"]): {key: value for key, value in token.items() if key != "id"}
                for token in tokenizer["added_tokens"]
            },
            "bos_token": None,
            "eos_token": "<|im_end|>",
            "pad_token": "<|endoftext|>",
            "clean_up_tokenization_spaces": False,
            "model_max_length": CONTEXT,
            "chat_template": (HERE / "chat_template.jinja").read_text(),
        },
    )


def write_gguf(path: Path, weights: Weights, tokenizer: dict[str, Any]) -> None:
    """Write what llama.cpp reads, as 32-bit floats."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny-chat")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_VALUE_HEADS)
    writer.add_key_length(HEAD_SIZE)
    writer.add_value_length(HEAD_SIZE)
    writer.add_rope_dimension_count(HEAD_SIZE)
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_layer_norm_rms_eps(EPSILON)
    writer.add_vocab_size(VOCABULARY)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    _add_tokenizer(writer, tokenizer)
    for name, tensor in _tensors(weights).items():
        writer.add_tensor(name, np.ascontiguousarray(tensor))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_tokenizer(writer: gguf.GGUFWriter, tokenizer: dict[str, Any]) -> None:
    vocabulary = tokenizer["model"]["vocab"]
    kinds = [gguf.TokenType.NORMAL] * VOCABULARY
    for token in tokenizer["added_tokens"]:  # the tags of tools and thoughts are added, but shown in decoded text
        kinds[token["id"]] = gguf.TokenType.CONTROL if token["special"] else gguf.TokenType.USER_DEFINED
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(sorted(vocabulary, key=vocabulary.__getitem__))
    writer.add_token_types(kinds)
    merges = tokenizer["model"]["merges"]
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in merges])
    writer.add_bos_token_id(END_OF_TEXT)
    writer.add_eos_token_id(TURN_END)
    writer.add_eot_token_id(TURN_END)
    writer.add_pad_token_id(END_OF_TEXT)
    writer.add_add_bos_token(False)
    writer.add_chat_template((HERE / "chat_template.jinja").read_text())


def _tensors(weights: Weights) -> Weights:
    named = {
        "token_embd.weight": weights["model.embed_tokens.weight"],
        "output_norm.weight": weights["model.norm.weight"],
        "output.weight": weights["lm_head.weight"],
    }
    for layer in range(LAYERS):
        theirs, ours = f"model.layers.{layer}.", f"blk.{layer}."
        named |= {
            ours + "attn_norm.weight": weights[theirs + "input_layernorm.weight"],
            ours + "ffn_norm.weight": weights[theirs + "post_attention_layernorm.weight"],
            ours + "attn_q.weight": _interleaved(weights[theirs + "self_attn.q_proj.weight"], HEADS),
            ours + "attn_k.weight": _interleaved(weights[theirs + "self_attn.k_proj.weight"], KEY_VALUE_HEADS),
            ours + "attn_v.weight": weights[theirs + "self_attn.v_proj.weight"],
            ours + "attn_output.weight": weights[theirs + "self_attn.o_proj.weight"],
            ours + "ffn_gate.weight": weights[theirs + "mlp.gate_proj.weight"],
            ours + "ffn_up.weight": weights[theirs + "mlp.up_proj.weight"],
            ours + "ffn_down.weight": weights[theirs + "mlp.down_proj.weight"],
        }
    return named


def _interleaved(tensor: np.ndarray, heads: int) -> np.ndarray:
    """Reorder rows: llama.cpp rotates neighbouring pairs, `transformers` the two halves of a head."""
    rows = tensor.shape[0] // heads
    return tensor.reshape(heads, 2, rows // 2, -1).swapaxes(1, 2).reshape(tensor.shape)


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
