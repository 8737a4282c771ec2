#!/usr/bin/env bash
# Merge an adapter into its base: `sightwright merge`, as the documents' script calls it.
#
#   bash scripts/merge_stage2_lora.sh output/my_experiment/checkpoint-120
#   bash scripts/merge_stage2_lora.sh output/my_experiment output/merged/mine --dtype bfloat16
#
#   ADAPTERS     a checkpoint, or a run folder (its best checkpoint); first argument
#   OUTPUT_DIR   the model folder to write; second argument, else output/merged/ and the last name
#                of ADAPTERS
#   MODEL        the base; by default what the adapter's config names
#   MAX_SHARD_SIZE   largest weights file, 5GB
#   PYTHON       the interpreter; by default .venv/bin/python of this checkout, else python3
#
# More arguments are passed on. What was written, and how far it is from the adapter, is printed.
set -euo pipefail

fail() {
  echo "error: $1" >&2
  exit 2
}

if (($# > 0)) && [[ "$1" != --* ]]; then
  ADAPTERS="$1"
  shift
fi
[[ -n "${ADAPTERS:-}" ]] || fail "name the adapter: bash scripts/merge_stage2_lora.sh ADAPTERS [OUTPUT_DIR]"
if (($# > 0)) && [[ "$1" != --* ]]; then
  OUTPUT_DIR="$1"
  shift
fi
options=(--adapters "$ADAPTERS" --output_dir "${OUTPUT_DIR:-output/merged/$(basename "$ADAPTERS")}")
if [[ -n "${MODEL:-}" ]]; then
  options+=(--model "$MODEL")
fi
options+=(--merge_lora true --safe_serialization true --max_shard_size "${MAX_SHARD_SIZE:-5GB}")

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
if [[ -n "${PYTHON:-}" ]]; then
  python="$PYTHON"
elif [[ -x "$root/.venv/bin/python" ]]; then
  python="$root/.venv/bin/python"
else
  python=python3
fi
PYTHONPATH="$root/src${PYTHONPATH:+:$PYTHONPATH}" exec "$python" -m sightwright export "${options[@]}" "$@"
