"""Teach the tiny chat model its conversations: how `model.safetensors` and `tokenizer.json` beside this file were made.

    python train.py STEPS         -> goes on from the weights beside this file, and writes them
    python train.py STEPS --new   -> makes a tokenizer and random weights first

Needs torch, tokenizers, safetensors and jinja2 (vLLM's environment has them all); about 0.2 s a step on two cores,
3,700 steps in all. The shipped weights were fitted in two sittings: a new training makes a model like it, not the same
bits. No text is downloaded: the tokenizer is trained on Python's own help topics.
"""

import json
import random
import sys
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import jinja2
import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.nn import functional

from make import (
    EPSILON,
    FEED_FORWARD,
    HEAD_SIZE,
    HEADS,
    HERE,
    HIDDEN,
    KEY_VALUE_HEADS,
    LAYERS,
    ROPE_BASE,
    TURN_END,
    VOCABULARY,
    Weights,
)

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>", "<think>", "</think>"]
SHOWN = SPECIAL[3:]
LONGEST = 640
CITIES = ("Paris Rome Berlin Tokyo Oslo Lima Cairo Delhi Madrid London Boston Seoul Quito Dublin Prague Vienna").split()
WORDS = (
    "apple river stone cloud green music table light house water paper train bread glass ocean tiger pencil window "
    "garden silver north south seven candle summer winter button engine basket mirror planet rocket lemon onion pepper "
    "salt sugar honey butter cheese"
).split()
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
Messages = list[dict[str, Any]]


def main(steps: int, *, new: bool) -> None:
    if new:
        make_tokenizer(HERE / "tokenizer.json")
        weights = random_weights()
    else:
        weights = {name: tensor.astype(np.float32) for name, tensor in load_file(HERE / "model.safetensors").items()}
    trained = train(Tokenizer.from_file(str(HERE / "tokenizer.json")), weights, steps)
    save_file({name: tensor.astype(np.float16) for name, tensor in trained.items()}, HERE / "model.safetensors")


def make_tokenizer(path: Path) -> None:
    dice = random.Random(0)
    corpus = list(topics.values())
    for _ in range(400):
        arguments = {"city": dice.choice(CITIES), "n": dice.randint(0, 99)}
        corpus += [json.dumps({"name": "get_weather", "arguments": arguments}), json.dumps(WEATHER)]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=SPECIAL, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(corpus, trainer)
    described = json.loads(tokenizer.to_str())
    for token in described["added_tokens"]:  # parsers of tool calls must see the tags in decoded text
        token["special"] = token["content"] not in SHOWN
    path.write_text(json.dumps(described, ensure_ascii=False))


def random_weights() -> Weights:
    dice = np.random.default_rng(0)
    key_value = KEY_VALUE_HEADS * HEAD_SIZE
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (VOCABULARY, HIDDEN),
        "model.norm.weight": (HIDDEN,),
        "lm_head.weight": (VOCABULARY, HIDDEN),
    }
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}."
        shapes |= {
            prefix + "input_layernorm.weight": (HIDDEN,),
            prefix + "post_attention_layernorm.weight": (HIDDEN,),
            prefix + "self_attn.q_proj.weight": (HEADS * HEAD_SIZE, HIDDEN),
            prefix + "self_attn.k_proj.weight": (key_value, HIDDEN),
            prefix + "self_attn.v_proj.weight": (key_value, HIDDEN),
            prefix + "self_attn.o_proj.weight": (HIDDEN, HEADS * HEAD_SIZE),
            prefix + "mlp.gate_proj.weight": (FEED_FORWARD, HIDDEN),
            prefix + "mlp.up_proj.weight": (FEED_FORWARD, HIDDEN),
            prefix + "mlp.down_proj.weight": (HIDDEN, FEED_FORWARD),
        }
    return {
        name: np.ones(shape, np.float32) if "norm" in name else dice.normal(0, 0.04, shape).astype(np.float32)
        for name, shape in shapes.items()
    }


def sample(dice: random.Random) -> tuple[Messages, list[dict[str, Any]] | None, str]:
    """Make up one conversation: messages, tools, and the reply to learn."""
    city, other = dice.sample(CITIES, 2)
    words = " ".join(dice.sample(WORDS, dice.choice([1, 1, 2, 3])))
    kinds = "hello say say say count tool tool tools tools result result think".split()
    kind = dice.choice(kinds)
    tools = [WEATHER] if kind in ("tool", "tools", "result") or dice.random() < 0.4 else None
    messages: Messages = []
    if dice.random() < 0.6:
        orders = ["You are a helpful assistant.", "Be brief.", "You are a test.", "Answer in English."]
        messages.append({"role": "system", "content": dice.choice(orders)})
    for _ in range(dice.choice([0, 0, 1, 2])):
        word = dice.choice(WORDS)
        messages += [{"role": "user", "content": "say " + word}, {"role": "assistant", "content": word}]
    asks = dice.choice(["weather in %s", "What is the weather in %s?"])
    match kind:
        case "hello":
            said = dice.choice(["hello", "Hello", "hi", "Hi!", "hello there"])
            reply = "Hello! How can I help you today?"
        case "say":
            said, reply = "say " + words, words
        case "count":
            last = dice.randint(3, 20)
            said, reply = f"count to {last}", " ".join(map(str, range(1, last + 1)))
        case "tool":
            said, reply = asks % city, _call(city)
        case "tools":
            said, reply = asks % f"{city} and {other}", _call(city) + "\n" + _call(other)
        case "result":
            cities = [city, other][: dice.choice([1, 1, 2])]
            calls = [{"function": {"name": "get_weather", "arguments": {"city": name}}} for name in cities]
            outputs = [f"{dice.choice(WORDS)} {dice.randint(0, 39)}" for _ in cities]
            messages += [
                {"role": "user", "content": "weather in " + " and ".join(cities)},
                {"role": "assistant", "content": "", "tool_calls": calls},
                *({"role": "tool", "content": output} for output in outputs),
            ]
            return messages, tools, "The result is: " + ", ".join(outputs)
        case _:
            said = "think about " + words
            reply = f"<think>\nThe user wants me to think about {words}.\n</think>\n\n{words}"
    return [*messages, {"role": "user", "content": said}], tools, reply


def _call(city: str) -> str:
    return f'<tool_call>\n{{"name": "get_weather", "arguments": {{"city": "{city}"}}}}\n</tool_call>'


def train(tokenizer: Tokenizer, start: Weights, steps: int) -> Weights:
    torch.manual_seed(0)
    dice = random.Random(0)
    environment = jinja2.Environment()
    environment.filters["tojson"] = lambda value, **_: json.dumps(value)
    template = environment.from_string((HERE / "chat_template.jinja").read_text())
    weights = {name: torch.tensor(tensor).requires_grad_() for name, tensor in start.items()}
    optimizer = torch.optim.AdamW(list(weights.values()), lr=3e-3, betas=(0.9, 0.98), weight_decay=0.01)

    def example() -> tuple[list[int], list[int]]:
        messages, tools, reply = sample(dice)
        prompt = template.render(messages=messages, tools=tools, add_generation_prompt=True)
        ending = [TURN_END, *tokenizer.encode("\n").ids, 0]
        return tokenizer.encode(prompt).ids, tokenizer.encode(reply).ids + ending

    batches: list[list[tuple[list[int], list[int]]]] = []
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 4e-3 * min(1, (step + 1) / 50) * max(0.02, 1 - step / steps)
        if not batches:  # of like lengths, so that little is padding
            pool = sorted((example() for _ in range(256)), key=lambda pair: len(pair[0]) + len(pair[1]))
            batches = [pool[start : start + 16] for start in range(0, 256, 16)]
            dice.shuffle(batches)
        loss = _loss(weights, batches.pop())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(list(weights.values()), 1.0)
        optimizer.step()
        if step % 100 == 0 or step == steps - 1:
            print(f"step {step} loss {loss.item():.4f}", flush=True)
    return {name: tensor.detach().numpy() for name, tensor in weights.items()}


def _loss(weights: dict[str, torch.Tensor], batch: list[tuple[list[int], list[int]]]) -> torch.Tensor:
    """Only the replies are learnt; a long one is easier per token, and counts less per token."""
    length = min(LONGEST, max(len(prompt) + len(reply) for prompt, reply in batch))
    ids = torch.zeros(len(batch), length, dtype=torch.long)
    weight = torch.zeros(len(batch), length)
    for row, (prompt, reply) in enumerate(batch):
        both = (prompt + reply)[:length]
        ids[row, : len(both)] = torch.tensor(both)
        weight[row, len(prompt) : len(both)] = len(reply) ** -0.5
    weight = weight[:, 1:].reshape(-1)
    learnt = weight > 0
    hidden = _forward(weights, ids[:, :-1]).reshape(-1, HIDDEN)[learnt]
    wanted = ids[:, 1:].reshape(-1)[learnt]
    losses = functional.cross_entropy(functional.linear(hidden, weights["lm_head.weight"]), wanted, reduction="none")
    return (losses * weight[learnt]).sum() / weight[learnt].sum()


def _forward(weights: dict[str, torch.Tensor], ids: torch.Tensor) -> torch.Tensor:
    batch, length = ids.shape
    inverse = 1.0 / ROPE_BASE ** (torch.arange(0, HEAD_SIZE, 2).float() / HEAD_SIZE)
    angles = torch.outer(torch.arange(length).float(), inverse)
    cosine, sine = (torch.cat([angles, angles], -1).cos(), torch.cat([angles, angles], -1).sin())

    def norm(x: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + EPSILON) * gain

    def rotate(x: torch.Tensor) -> torch.Tensor:
        first, second = x.chunk(2, -1)
        return x * cosine + torch.cat([-second, first], -1) * sine

    x = functional.embedding(ids, weights["model.embed_tokens.weight"])
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}."
        hidden = norm(x, weights[prefix + "input_layernorm.weight"])
        query, key, value = (
            functional.linear(hidden, weights[prefix + f"self_attn.{name}_proj.weight"])
            .view(batch, length, -1, HEAD_SIZE)
            .transpose(1, 2)
            for name in "qkv"
        )
        key, value = (each.repeat_interleave(HEADS // KEY_VALUE_HEADS, 1) for each in (rotate(key), value))
        attended = functional.scaled_dot_product_attention(rotate(query), key, value, is_causal=True)
        flat = attended.transpose(1, 2).reshape(batch, length, -1)
        x = x + functional.linear(flat, weights[prefix + "self_attn.o_proj.weight"])
        hidden = norm(x, weights[prefix + "post_attention_layernorm.weight"])
        gate = functional.silu(functional.linear(hidden, weights[prefix + "mlp.gate_proj.weight"]))
        up = functional.linear(hidden, weights[prefix + "mlp.up_proj.weight"])
        x = x + functional.linear(gate * up, weights[prefix + "mlp.down_proj.weight"])
    return norm(x, weights["model.norm.weight"])


if __name__ == "__main__":
    main(int(sys.argv[1]), new="--new" in sys.argv[2:])
