#!/usr/bin/env bash
# Runs a command inside a tree that tree.sh made, as root of that tree, without a network; nothing of the tree changes.
#
#   packaging/deb/inside.sh [--scratch] TREE DIRECTORY AT COMPILER-CACHE COMMAND...
#
# DIRECTORY appears as AT (below /mnt) and is where the command starts; the compiler cache appears as /ccache. With
# --scratch the command may change the tree as it likes: what it changes is in memory, and gone with it.
set -euo pipefail
scratch=false
if [ "$1" = --scratch ]; then scratch=true; shift; fi
tree=$1 directory=$2 at=$3 ccache=$4
shift 4
[ "$(id -u)" -eq 0 ] || { echo "inside.sh: entering a tree takes root" >&2; exit 77; }
mkdir -p "$ccache"
# Its own mounts, processes and network: all of it goes with the command.
# shellcheck disable=SC2016
exec unshare --mount --propagation private --pid --fork --kill-child --net --ipc -- bash -c '
  set -eu
  scratch=$1 tree=$2 directory=$3 at=$4 ccache=$5
  shift 5
  if $scratch; then
    mount -t tmpfs tmpfs "$tree/mnt"
    mkdir "$tree/mnt/changes" "$tree/mnt/work" "$tree/mnt/root"
    mount -t overlay overlay -o "lowerdir=$tree,upperdir=$tree/mnt/changes,workdir=$tree/mnt/work" "$tree/mnt/root"
    tree=$tree/mnt/root
  fi
  mount -t tmpfs -o mode=1777 tmpfs "$tree/tmp"
  mount -t tmpfs -o mode=755 tmpfs "$tree/mnt"
  mkdir -p "$tree$at"
  mount --bind "$directory" "$tree$at"
  mount --bind "$ccache" "$tree/ccache"
  mount -t proc proc "$tree/proc"
  cd "$tree$at"
  exec chroot "$tree" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LC_ALL=${LC_ALL:-C.UTF-8} TZ=${TZ:-UTC} \
    CCACHE_DIR=/ccache CCACHE_MAXSIZE=3G CCACHE_COMPILERCHECK=content bash -c "cd \"\$1\" && shift && exec \"\$@\"" - "$at" "$@"
' - "$scratch" "$tree" "$directory" "$at" "$ccache" "$@"
