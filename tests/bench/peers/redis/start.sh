#!/bin/sh
# Starts Redis on a port of this machine, empty and without files, and says when it listens.
#   start.sh PORT FOLDER
set -eu
port=$1 folder=$2
mkdir -p "$folder"
(
  until [ "$(redis-cli -p "$port" ping 2>/dev/null)" = PONG ]; do sleep 0.02; done
  echo "listening on 127.0.0.1:$port"
) &
exec redis-server --port "$port" --bind 127.0.0.1 --dir "$folder" --save '' --appendonly no \
  --logfile "$folder/redis.log"
