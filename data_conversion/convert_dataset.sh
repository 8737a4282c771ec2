#!/usr/bin/env bash
# `sightwright ingest annotations` with the settings that the documents give it in the environment.
#
#   DATASET=bbu MODE=prod INPUT_DIR=raw/bbu OUTPUT_DIR=data DATASET_NAME=bbu_full \
#       bash data_conversion/convert_dataset.sh
#
# MODE=smoke converts twenty samples (LIMIT says how many) into OUTPUT_DIR/DATASET_NAME_smoke.
set -euo pipefail

DATASET="${DATASET:-bbu}"
MODE="${MODE:-prod}"
INPUT_DIR="${INPUT_DIR:-raw_ds/$DATASET}"
IMAGES_DIR="${IMAGES_DIR:-$INPUT_DIR}"
OUTPUT_DIR="${OUTPUT_DIR:-data}"
DATASET_NAME="${DATASET_NAME:-${DATASET}_full}"
FAIL_FAST="${FAIL_FAST:-true}"
LIMIT="${LIMIT:-}"

fail() {
    echo "error: $1" >&2
    exit 2
}

# flag VALUE WHEN_TRUE WHEN_FALSE
flag() {
    case "${1,,}" in
        true | 1 | yes | on) options+=("$2") ;;
        false | 0 | no | off) options+=("$3") ;;
        *) fail "$4=$1 is neither true nor false" ;;
    esac
}

case "$DATASET" in bbu | rru) ;; *) fail "DATASET=$DATASET is neither bbu nor rru" ;; esac
case "$MODE" in
    prod) out="$OUTPUT_DIR/$DATASET_NAME" ;;
    smoke)
        out="$OUTPUT_DIR/${DATASET_NAME}_smoke"
        LIMIT="${LIMIT:-20}"
        ;;
    *) fail "MODE=$MODE is neither prod nor smoke" ;;
esac

options=(--format "$DATASET" --images "$IMAGES_DIR" --out "$out")
options+=(--val-ratio "${VAL_RATIO:-0.2}" --seed "${SEED:-17}")
options+=(--max-pixels "${MAX_PIXELS:-1048576}" --image-factor "${IMAGE_FACTOR:-32}")
options+=(--num-workers "${NUM_WORKERS:-16}")
flag "${RESIZE:-true}" --resize --no-resize RESIZE
flag "${STRIP_OCCLUSION:-true}" --strip-occlusion --keep-occlusion STRIP_OCCLUSION
flag "${SANITIZE_TEXT:-true}" --sanitize-text --keep-text SANITIZE_TEXT
flag "${STANDARDIZE_LABEL_DESC:-true}" --standardize-labels --keep-labels STANDARDIZE_LABEL_DESC
flag "$FAIL_FAST" --mode=strict --mode=lenient FAIL_FAST
if [[ -n "$LIMIT" ]]; then options+=(--limit "$LIMIT"); fi

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
export PYTHONPATH="$root/src${PYTHONPATH:+:$PYTHONPATH}"
exec "${PYTHON:-python}" -m sightwright ingest annotations "$INPUT_DIR" "${options[@]}" "$@"
