"""config.json of published models, cut to what describes their shape."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def decoder(
    model_type: str, hidden: int, layers: int, heads: int, kv_heads: int, mlp: int, vocab: int, **more: Any
) -> Json:
    """A dense decoder in the usual names."""
    return {
        "model_type": model_type,
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "intermediate_size": mlp,
        "vocab_size": vocab,
        "tie_word_embeddings": False,
        **more,
    }


def awq(group_size: int = 128) -> Json:
    """How AWQ checkpoints describe themselves."""
    return {"quant_method": "awq", "bits": 4, "group_size": group_size, "zero_point": True}


TINYLLAMA = decoder("llama", 2048, 22, 32, 4, 5632, 32_000, max_position_embeddings=2048)
LLAMA2_7B = decoder("llama", 4096, 32, 32, 32, 11_008, 32_000, max_position_embeddings=4096)
LLAMA2_7B_AWQ = {**LLAMA2_7B, "quantization_config": awq()}
LLAMA3_8B = decoder("llama", 4096, 32, 32, 8, 14_336, 128_256, max_position_embeddings=8192)
QWEN25_7B = decoder("qwen2", 3584, 28, 28, 4, 18_944, 152_064, max_position_embeddings=32_768)
QWEN25_05B_AWQ = decoder(
    "qwen2", 896, 24, 14, 2, 4864, 151_936, tie_word_embeddings=True, quantization_config=awq()
)
QWEN2_VL_7B_AWQ = {
    **QWEN25_7B,
    "model_type": "qwen2_vl",
    "quantization_config": awq(),
    "vision_config": {
        "depth": 32,
        "embed_dim": 1280,
        "mlp_ratio": 4,
        "hidden_size": 3584,
        "spatial_merge_size": 2,
    },
}
# As published: heads of the vocabulary, window pattern and context are left to the config class.
GEMMA3_27B = {
    "model_type": "gemma3",
    "text_config": {
        "model_type": "gemma3_text",
        "head_dim": 128,
        "hidden_size": 5376,
        "intermediate_size": 21_504,
        "num_attention_heads": 32,
        "num_hidden_layers": 62,
        "num_key_value_heads": 16,
        "sliding_window": 1024,
    },
    "vision_config": {"hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27},
}
MIXTRAL = decoder(
    "mixtral",
    4096,
    32,
    32,
    8,
    14_336,
    32_000,
    num_local_experts=8,
    num_experts_per_tok=2,
    max_position_embeddings=32_768,
    sliding_window=None,
)
QWEN3_30B_A3B = decoder(
    "qwen3_moe",
    2048,
    48,
    32,
    4,
    6144,
    151_936,
    head_dim=128,
    num_experts=128,
    num_experts_per_tok=8,
    moe_intermediate_size=768,
    decoder_sparse_step=1,
    mlp_only_layers=[],
    max_position_embeddings=40_960,
)
DEEPSEEK_V2_LITE = decoder(
    "deepseek_v2",
    2048,
    27,
    16,
    16,
    10_944,
    102_400,
    kv_lora_rank=512,
    qk_rope_head_dim=64,
    qk_nope_head_dim=128,
    v_head_dim=128,
    q_lora_rank=None,
    n_routed_experts=64,
    n_shared_experts=2,
    moe_intermediate_size=1408,
    num_experts_per_tok=6,
    first_k_dense_replace=1,
    moe_layer_freq=1,
    max_position_embeddings=163_840,
)
CHATGLM3_6B = {
    "model_type": "chatglm",
    "num_layers": 28,
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "multi_query_attention": True,
    "multi_query_group_num": 2,
    "kv_channels": 128,
    "ffn_hidden_size": 13_696,
    "padded_vocab_size": 65_024,
    "seq_length": 8192,
    "tie_word_embeddings": False,
}
GPT2 = {
    "model_type": "gpt2",
    "n_layer": 12,
    "n_head": 12,
    "n_embd": 768,
    "n_positions": 1024,
    "vocab_size": 50_257,
}
OPT_125M = {
    "model_type": "opt",
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "hidden_size": 768,
    "ffn_dim": 3072,
    "vocab_size": 50_272,
    "max_position_embeddings": 2048,
}
FALCON_7B = {
    "model_type": "falcon",
    "num_hidden_layers": 32,
    "num_attention_heads": 71,
    "hidden_size": 4544,
    "multi_query": True,
    "new_decoder_architecture": False,
    "vocab_size": 65_024,
}
BLOOM_560M = {"model_type": "bloom", "n_layer": 24, "n_head": 16, "hidden_size": 1024, "vocab_size": 250_880}
GPT_OSS_20B = decoder(
    "gpt_oss",
    2880,
    24,
    64,
    8,
    2880,
    201_088,
    head_dim=64,
    num_local_experts=32,
    num_experts_per_tok=4,
    sliding_window=128,
    layer_types=["sliding_attention", "full_attention"] * 12,
    quantization_config={"quant_method": "mxfp4"},
    max_position_embeddings=131_072,
)
SMOLLM2_135M = decoder(
    "llama", 576, 30, 9, 3, 1536, 49_152, tie_word_embeddings=True, max_position_embeddings=8192
)
INTERNVL = {
    "model_type": "internvl_chat",
    "llm_config": decoder("qwen2", 3584, 28, 28, 4, 18_944, 151_674, max_position_embeddings=32_768),
    "vision_config": {"hidden_size": 1024, "num_hidden_layers": 24, "intermediate_size": 4096},
}
MISTRAL_V01 = decoder(
    "mistral", 4096, 32, 32, 8, 14_336, 32_000, sliding_window=4096, max_position_embeddings=32_768
)
