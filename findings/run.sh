#!/usr/bin/env bash
# Runs every finding, or those that are named: findings/run.sh [NAME…]
# Exits with the number of findings that no longer hold.
set -uo pipefail
cd "$(dirname "$0")"

names=("$@")
if [ ${#names[@]} -eq 0 ]; then
  for file in *.sh; do
    [ "$file" = run.sh ] || names+=("${file%.sh}")
  done
fi

changed=0
for name in "${names[@]}"; do
  echo "== $name"
  if bash "$name.sh"; then
    echo "holds"
  else
    echo "CHANGED"
    changed=$((changed + 1))
  fi
done
echo "${#names[@]} run, $changed changed"
exit "$changed"
