#!/usr/bin/env bash
# Train from a YAML, on one process or on several.
#
#   config=configs/extract/lora_8b.yaml scripts/train.sh           # every GPU that is visible
#   config=extract/lora_8b gpus=0,1 scripts/train.sh               # these two
#   config=lora_8b gpus=0 debug=true scripts/train.sh
#   config=demo/extract processes=2 scripts/train.sh               # two processes on the CPU
#
#   config       the run's YAML: a path, a path below configs/, or a bare name found there; the
#                ending .yaml may be left out
#   base_config  a YAML that everything overrides, found the same way
#   gpus         their numbers, with commas; by default all that are visible
#   processes    how many; by default one for each GPU, and one on the CPU
#   debug        true (or DEBUG=true) also prints one sample
#   CONDA_ENV    run in this conda environment
#   PYTHON       the interpreter; by default .venv/bin/python of this checkout, else python3
#   MASTER_ADDR, MASTER_PORT, NNODES, NODE_RANK   several machines: the same on each but NODE_RANK
#
# Arguments are passed on to `python -m src.sft`, which runs in the checkout: paths in the YAML that
# are relative start there, wherever this script was called.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

fail() {
  echo "error: $1" >&2
  exit 2
}

# The absolute path of the YAML that a name means.
find_yaml() {
  local name="$1" candidate found
  for candidate in "$name" "$name.yaml" "$root/$name" "$root/$name.yaml" \
    "$root/configs/$name" "$root/configs/$name.yaml"; do
    if [[ -f "$candidate" ]]; then
      realpath "$candidate"
      return
    fi
  done
  found="$(find "$root/configs" -name "${name%.yaml}.yaml" | sort)"
  case "$(grep -c . <<<"$found" || true)" in
    0) fail "no YAML is called $name: neither here nor below $root/configs" ;;
    1) echo "$found" ;;
    *) fail "$name may mean any of"$'\n'"$found" ;;
  esac
}

count_gpus() {
  if [[ -n "${CUDA_VISIBLE_DEVICES:-}" ]]; then
    tr ',' '\n' <<<"$CUDA_VISIBLE_DEVICES" | grep -c .
  elif [[ -z "${CUDA_VISIBLE_DEVICES-unset}" ]]; then
    echo 0
  elif command -v nvidia-smi >/dev/null; then
    # Without a driver it says so on stdout, and a GPU in slices has a line for each of them too.
    nvidia-smi --list-gpus | grep -c '^GPU ' || true
  else
    echo 0
  fi
}

is_on() {
  case "${1,,}" in
    1 | true | yes | on) true ;;
    *) false ;;
  esac
}

[[ -n "${config:-}" ]] || fail "name the run's YAML: config=configs/extract/lora_8b.yaml scripts/train.sh"
path="$(find_yaml "$config")"
arguments=(--config "$path")
if [[ -n "${base_config:-}" ]]; then
  path="$(find_yaml "$base_config")"
  arguments+=(--base_config "$path")
fi
if is_on "${debug:-${DEBUG:-false}}"; then
  arguments+=(--debug)
fi
arguments+=("$@")

if [[ -n "${gpus:-}" ]]; then
  export CUDA_VISIBLE_DEVICES="$gpus"
fi
num_gpus="$(count_gpus)"
processes="${processes:-$((num_gpus > 0 ? num_gpus : 1))}"
if ((num_gpus > 0)); then
  export OMP_NUM_THREADS="${OMP_NUM_THREADS:-8}"
  # Images of all sizes leave holes in the memory; its segments can grow into them.
  export PYTORCH_ALLOC_CONF="${PYTORCH_ALLOC_CONF:-${PYTORCH_CUDA_ALLOC_CONF:-expandable_segments:True}}"
  # A process whose partner has died ends, and does not wait for it.
  export TORCH_NCCL_ASYNC_ERROR_HANDLING="${TORCH_NCCL_ASYNC_ERROR_HANDLING:-1}"
fi

if [[ -n "${CONDA_ENV:-}" ]]; then
  python=(conda run --no-capture-output -n "$CONDA_ENV" python)
elif [[ -n "${PYTHON:-}" ]]; then
  python=("$PYTHON")
elif [[ -x "$root/.venv/bin/python" ]]; then
  python=("$root/.venv/bin/python")
else
  python=(python3)
fi

cd "$root"
if [[ -n "${MASTER_ADDR:-}" ]]; then
  meeting=(--nnodes "${NNODES:-1}" --node_rank "${NODE_RANK:-0}"
    --master_addr "$MASTER_ADDR" --master_port "${MASTER_PORT:-29500}")
elif [[ -n "${MASTER_PORT:-}" ]]; then
  meeting=(--master_port "$MASTER_PORT")
else
  meeting=(--standalone) # on a port of its own that is free
fi
if ((processes > 1)) || [[ -n "${MASTER_ADDR:-}" ]]; then
  PYTHONPATH="$root/src${PYTHONPATH:+:$PYTHONPATH}" exec "${python[@]}" -m sightwright.cli.launch \
    "${meeting[@]}" --nproc_per_node "$processes" -m src.sft "${arguments[@]}"
fi
exec "${python[@]}" -m src.sft "${arguments[@]}"
