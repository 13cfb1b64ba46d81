#!/usr/bin/env bash
# Kills a tiny run at random moments and starts it again, until so many kills are done: `tests/kills.sh 1000`. Whenever a run
# comes to its end, its files are compared with those of a run that was never stopped, all but those that tell times.
# Needs target/release/basin. Ends with 1 if a file differs or a run fails.
set -euo pipefail
cd "$(dirname "$0")/.."
kills=${1:-1000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
begin() {
    exec "${CARGO_TARGET_DIR:-target}/release/basin" reproduce --runs "$1" --name run --set model.width=0.25 \
        --set ensemble.members=2 --set data.train_images=96 --set data.test_images=60 --set train.epochs=3 --set train.batch=16 \
        --set split_epoch=1 --set draws=4 --set line_points=3 --set connectivity_images=40 --set run.checkpoint_seconds=0 \
        --set run.concurrent=2 >"$work/said" 2>&1
}
sums() {
    (cd "$1/run" && find . -type f ! -name journal.jsonl ! -name .lock ! -name 'timing.*' -print0 |
        sort -z | xargs -0 sha256sum)
}
(begin "$work/whole")
sums "$work/whole" >"$work/expected"
done=0 ends=0
while [ "$done" -lt "$kills" ]; do
    (begin "$work/killed") &
    child=$!
    sleep "0.$(printf %03d $((RANDOM % 700)))"
    kill -KILL "$child" 2>/dev/null || true
    code=0
    wait "$child" 2>/dev/null || code=$?
    case $code in
        137) done=$((done + 1)) ;;
        0)
            sums "$work/killed" | diff "$work/expected" -
            ends=$((ends + 1))
            rm -rf "$work/killed"
            ;;
        *)
            cat "$work/said"
            exit 1
            ;;
    esac
done
(begin "$work/killed")
sums "$work/killed" | diff "$work/expected" -
echo "$done kills, $((ends + 1)) runs ended, every file as in a run that was never stopped"
