#!/usr/bin/env bash
# Train the wide tokenizers, then what eats their latents. Each stage fits into ten minutes of one GPU; the same command
# again goes on where a stage was cut. docs/training.md says what decides between stages.
#
#   tools/train_wide.sh check                    what is here, and a few steps of each recipe
#   tools/train_wide.sh gpu-1 | gpu-2 | gpu-3    tokenizers · their decoders alone · priors and digits
#   tools/train_wide.sh cpu-1 | cpu-2 | cpu-3    the same on two cores, in hours
#
# DATA: data sets. RUNS: where runs go. PYTHON, MINUTES (of each training of a stage), PHOTOS (folders in DATA, TOML list)
# and VOICES (the same, of recordings) may be set.
set -euo pipefail
DATA=${DATA:-data} RUNS=${RUNS:-runs/wide} PYTHON=${PYTHON:-python}
PHOTOS=${PHOTOS:-'["bsds500/train", "bsds500/val"]'} VOICES=${VOICES:-'[]'}
stage=${1:?check, gpu-1, gpu-2, gpu-3, cpu-1, cpu-2 or cpu-3}
here=$(cd "$(dirname "$0")/.." && pwd)
export PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}" MMDEMO_FONTS=${MMDEMO_FONTS:-$DATA/fonts} OMP_NUM_THREADS=${OMP_NUM_THREADS:-4}
mkdir -p "$RUNS"

# train NAME RECIPE MINUTES [option …]: from the start, or on from its snapshot; its output goes to RUNS/NAME.log
train() {
  local name=$1 recipe=$2 minutes=$3; shift 3
  local again=()
  mkdir -p "$(dirname "$RUNS/$name")"
  [ -f "$RUNS/$name/resume/state.safetensors" ] && again=(--resume)
  "$PYTHON" -m mmdemo train "$recipe" --data-dir "$DATA" --out "$RUNS/$name" --minutes "$minutes" --no-evaluate \
    "${again[@]}" "$@" >> "$RUNS/$name.log" 2>&1
}
# Parts that run at once; the stage fails if one of them does.
pids=()
together() { "$@" & pids+=($!); }
all_done() { local failed=0; for p in "${pids[@]}"; do wait "$p" || failed=1; done; pids=(); return $failed; }

gpu() { # settings for one large GPU: BATCH [LEARNING_RATE]
  printf -- '--set batch_size=%s --set learning_rate=%s --set validate_every=250' "$1" "$2"
}

case $stage in
check)
  "$PYTHON" -c "import torch; print(torch.__version__, 'GPUs', torch.cuda.device_count())"
  for name in image audio text; do
    init=(--init "$name"); [ $name = text ] && init=()
    extra=(--set steps=5 --set batch_size=4 --set validate_every=0)
    [ $name = image ] && extra+=(--set "data.photographs=$PHOTOS" --set data.drawn=40)
    [ $name = audio ] && extra+=(--set data.made=40)
    [ $name = text ] && extra+=(--set steps=2)
    "$PYTHON" -m mmdemo train "$name-wide" --data-dir "$DATA" --out "$RUNS/check-$name" --force --no-evaluate \
      "${init[@]}" "${extra[@]}"
  done
  ;;
gpu-1)
  m=${MINUTES:-7}
  # shellcheck disable=SC2046  # words are meant to be split
  together train image-1 image-wide "$m" --init image --set "data.photographs=$PHOTOS" $(gpu 192 6e-4)
  # shellcheck disable=SC2046
  together train audio-1 audio-wide "$m" --init audio --set "data.folders=$VOICES" $(gpu 96 6e-4)
  # shellcheck disable=SC2046
  together train text-1 text-wide "$m" $(gpu 384 2e-3)
  all_done
  ;;
gpu-2) # the decoders alone, frozen encoders: codes stay as they are from here on
  m=${MINUTES:-6}
  # shellcheck disable=SC2046
  together train image image-wide "$m" --init "$RUNS/image-1" --set "data.photographs=$PHOTOS" --set 'freeze="encoder"' $(gpu 192 3e-4)
  # shellcheck disable=SC2046
  together train audio audio-wide "$m" --init "$RUNS/audio-1" --set "data.folders=$VOICES" --set 'freeze="encoder"' $(gpu 96 3e-4)
  # shellcheck disable=SC2046
  together train text text-wide "$m" --init "$RUNS/text-1" --set 'freeze="encoder"' $(gpu 384 1e-3)
  all_done
  ;;
cpu-1)
  m=${MINUTES:-150}
  train image-1 image-wide "$m" --init image --set "data.photographs=$PHOTOS"
  train audio-1 audio-wide "$m" --init audio --set "data.folders=$VOICES"
  train text-1 text-wide "$((m / 2))"
  ;;
cpu-2)
  m=${MINUTES:-60}
  train image image-wide "$m" --init "$RUNS/image-1" --set "data.photographs=$PHOTOS" --set 'freeze="encoder"' --set learning_rate=2e-4
  train audio audio-wide "$m" --init "$RUNS/audio-1" --set "data.folders=$VOICES" --set 'freeze="encoder"' --set learning_rate=2e-4
  train text text-wide "$m" --init "$RUNS/text-1" --set 'freeze="encoder"' --set learning_rate=1e-3
  ;;
gpu-3 | cpu-3) # priors over the new codes, and the digits on the new latents
  m=${MINUTES:-$([ "$stage" = gpu-3 ] && echo 7 || echo 90)}
  # Priors in RUNS/priors, where the tokenizers beside it find them; they begin anew: codewords have moved.
  pictures="{photographs = 0.55, drawn = 0.33, emoji = 0.08, digits = 0.04}"
  launch() { if [ "$stage" = cpu-3 ]; then train "$@"; else together train "$@"; fi; }
  launch priors/image prior-image "$m" --set "data.tokenizer='$RUNS/image'" --set model.tokenizer=image \
    --set "data.photographs=$PHOTOS" --set "data.shares=$pictures"
  launch priors/audio prior-audio "$m" --set "data.tokenizer='$RUNS/audio'" --set model.tokenizer=audio \
    --set "data.shares={speech = 0.6, made = 0.4}"
  launch priors/text prior-text "$m" --set "data.tokenizer='$RUNS/text'" --set model.tokenizer=text \
    --set "data.shares={prose = 0.45, code = 0.1, translations = 0.12, chinese = 0.08, european = 0.12, codes = 0.05, labels = 0.08}"
  launch digits digits "$m" --init digits \
    --set "data.tokenizers={image = '$RUNS/image', audio = '$RUNS/audio', text = '$RUNS/text'}"
  all_done
  ;;
*)
  echo "there is no stage $stage" >&2
  exit 2
  ;;
esac
