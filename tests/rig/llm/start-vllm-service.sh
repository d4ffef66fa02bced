#!/bin/bash
# The start script of the stand-in images. It keeps the contract of intelanalytics/ipex-llm-serving-xpu:0.2.0-b2:
# eight environment variables, these first eight lines, and nothing of what follows the image name.

MODEL_PATH=${MODEL_PATH:-"default_model_path"}
SERVED_MODEL_NAME=${SERVED_MODEL_NAME:-"default_model_name"}
TENSOR_PARALLEL_SIZE=${TENSOR_PARALLEL_SIZE:-1}
MAX_NUM_SEQS=${MAX_NUM_SEQS:-256}
MAX_NUM_BATCHED_TOKENS=${MAX_NUM_BATCHED_TOKENS:-3000}
MAX_MODEL_LEN=${MAX_MODEL_LEN:-2000}
LOAD_IN_LOW_BIT=${LOAD_IN_LOW_BIT:-"fp8"}
PORT=${PORT:-8000}

echo "Starting service with model: $MODEL_PATH"
echo "Served model name: $SERVED_MODEL_NAME"
echo "Tensor parallel size: $TENSOR_PARALLEL_SIZE"
echo "Max num sequences: $MAX_NUM_SEQS"
echo "Max num batched tokens: $MAX_NUM_BATCHED_TOKENS"
echo "Max model length: $MAX_MODEL_LEN"
echo "Load in low bit: $LOAD_IN_LOW_BIT"
echo "Port: $PORT"

# LOAD_IN_LOW_BIT and TENSOR_PARALLEL_SIZE end here: the first is a format of ipex-llm, which no CPU server knows,
# and there is one CPU to run on.
if [ -f /llm/openai.api_server.py ]; then
    SERVER="python3 /llm/openai.api_server.py"
else
    SERVER="python3 -m vllm.entrypoints.openai.api_server --dtype bfloat16 --enforce-eager"
fi

# Unquoted and without exec, as in the original: bash stays PID 1 and doesn't pass on SIGTERM.
# shellcheck disable=SC2086
$SERVER \
    --host 0.0.0.0 \
    --port $PORT \
    --model $MODEL_PATH \
    --served-model-name $SERVED_MODEL_NAME \
    --max-model-len $MAX_MODEL_LEN \
    --max-num-batched-tokens $MAX_NUM_BATCHED_TOKENS \
    --max-num-seqs $MAX_NUM_SEQS
