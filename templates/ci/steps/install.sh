#!/usr/bin/env bash
# On a fresh machine: put Headroom, and Terraform if there is none, into HEADROOM_HOME.
#
#   HEADROOM_PACKAGE            what pip is to install: a URL at a commit, or -r and a file with hashes
#   HEADROOM_TERRAFORM_VERSION  version to fetch where no engine is on the PATH
#   HEADROOM_TERRAFORM_SHA256   digest of the archive; else the release's own list is believed
set -euo pipefail

: "${HEADROOM_HOME:?say where to install}" \
  "${HEADROOM_PACKAGE:?say what to install: git+https://YOUR-FORK@COMMIT, or -r FILE; headroom on PyPI is another project}"
if [ ! -x "$HEADROOM_HOME/bin/headroom" ]; then
  # Without the package's name: its address may hold a token.
  echo "headroom: installing by pip into $HEADROOM_HOME; this takes some minutes, and says nothing until it is done"
  SECONDS=0
  python3 -m venv "$HEADROOM_HOME"
  case $HEADROOM_PACKAGE in
    "-r "*) "$HEADROOM_HOME/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r "${HEADROOM_PACKAGE#-r }" ;;
    -*) printf '%s\n' "headroom: HEADROOM_PACKAGE begins with an option that is not known here" >&2; exit 1 ;;
    *) "$HEADROOM_HOME/bin/pip" install --quiet --disable-pip-version-check "$HEADROOM_PACKAGE" ;;
  esac
  echo "headroom: installed in $SECONDS s"
fi
case "${HEADROOM_PLAN_STORE:-} ${HEADROOM_MEMORY:-}" in *s3://*)
  if ! command -v aws >/dev/null; then
    echo "headroom: no aws is on the PATH; installing awscli by pip, which takes up to a minute"
    "$HEADROOM_HOME/bin/pip" install --quiet --disable-pip-version-check awscli
  fi
  ;;
esac
[ "${HEADROOM_ENGINE:-terraform}" = terraform ] || exit 0 # bring OpenTofu along in the image
if ! command -v terraform >/dev/null && [ ! -x "$HEADROOM_HOME/bin/terraform" ]; then
  version=${HEADROOM_TERRAFORM_VERSION:?no terraform is on the PATH; say which version to fetch}
  case $(uname -m) in x86_64) machine=amd64 ;; aarch64 | arm64) machine=arm64 ;; *) machine=$(uname -m) ;; esac
  name=terraform_${version}_linux_$machine.zip
  echo "headroom: no terraform is on the PATH; fetching version $version"
  folder=$(mktemp -d)
  trap 'rm -rf -- "$folder"' EXIT
  for file in "$name" "terraform_${version}_SHA256SUMS"; do
    curl -sSf --proto '=https' --retry 3 --max-time 300 -o "$folder/$file" \
      "https://releases.hashicorp.com/terraform/$version/$file"
  done
  digest=${HEADROOM_TERRAFORM_SHA256:-$(awk -v name="$name" '$2 == name { print $1 }' "$folder/terraform_${version}_SHA256SUMS")}
  printf '%s  %s\n' "$digest" "$folder/$name" | sha256sum --check --quiet --strict
  python3 -m zipfile -e "$folder/$name" "$folder/out"
  install -m 0755 "$folder/out/terraform" "$HEADROOM_HOME/bin/terraform"
fi
