#!/bin/sh
# Prints what is said on a topic, a line for each line, and comes back when the server does: listen.sh URL
set -u
while :; do
  curl --silent --show-error --fail --no-buffer --header 'Accept: text/event-stream' "$1" |
    while IFS= read -r line; do
      case $line in
        'event: '*) name=${line#event: } ;;
        # `close` and `binary` have a name, a message has none.
        'data: '*) [ -n "${name-}" ] || printf '%s\n' "${line#data: }" ;;
        '') name= ;;
      esac
    done
  sleep 1
done
