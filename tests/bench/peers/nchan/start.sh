#!/bin/sh
# Starts nginx with nchan on a port of this machine, with a configuration in a folder of its own, and says when it
# listens. One worker process, as the other servers of one loop have.
# With the port of a Redis it shares what is published with all that have that.
#   start.sh FOLDER PORT MODULE [REDIS_PORT]
set -eu
folder=$1 port=$2 module=$3 redis_port=${4:-}
mkdir -p "$folder"
redis=""
if [ -n "$redis_port" ]; then redis="nchan_redis_url redis://127.0.0.1:$redis_port; nchan_use_redis on;"; fi
cat > "$folder/nginx.conf" <<CONF
load_module $module;
pid $folder/nginx.pid;
error_log $folder/error.log warn;
daemon off;
worker_processes 1;
events { worker_connections 16000; }
http {
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path $folder/body;
  proxy_temp_path $folder/proxy;
  fastcgi_temp_path $folder/fastcgi;
  uwsgi_temp_path $folder/uwsgi;
  scgi_temp_path $folder/scgi;
  nchan_shared_memory_size 512M;
  server {
    listen 127.0.0.1:$port backlog=4096;
    location ~ ^/push/(.+)\$ {
      nchan_pubsub;
      $redis
      nchan_channel_id \$1;
      nchan_message_buffer_length 1000;
      nchan_message_timeout 1h;
      nchan_subscriber_first_message newest;
    }
  }
}
CONF
(
  # With Redis it answers 503 until it has that.
  until curl --silent --fail --output /dev/null --data ready "http://127.0.0.1:$port/push/ready"; do sleep 0.05; done
  echo "listening on 127.0.0.1:$port"
) &
exec nginx -c "$folder/nginx.conf" -p "$folder" -e "$folder/error.log"
