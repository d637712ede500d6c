#!/bin/sh
# Starts Detent, plain, and before it nginx, which speaks TLS on a port of this machine, with a configuration in a folder of
# its own: that of scripts/deploy/nginx/detent.conf, as far as it is about this. Says when both listen, and ends both. One
# worker process, as the other servers of one loop have.
#   start.sh FOLDER PORT CERTIFICATE KEY SERVER PLUGINS
set -eu
folder=$1 port=$2 certificate=$3 key=$4 server=$5 plugins=$6
mkdir -p "$folder"
rm -f "$folder/out" "$folder/nginx.pid"
"$server" --log-level warn --max-message 1MiB --plugins "$plugins" --listen 127.0.0.1:0 > "$folder/out" &
detent=$!
trap 'kill $detent ${nginx:-}; wait' TERM INT
until grep -q '^listening on ' "$folder/out"; do sleep 0.05; done
cat > "$folder/nginx.conf" <<CONF
pid $folder/nginx.pid;
error_log $folder/error.log warn;
daemon off;
worker_processes 1;
events { worker_connections 16000; }
http {
  access_log off;
  client_body_temp_path $folder/body;
  proxy_temp_path $folder/proxy;
  fastcgi_temp_path $folder/fastcgi;
  uwsgi_temp_path $folder/uwsgi;
  scgi_temp_path $folder/scgi;
  server {
    listen 127.0.0.1:$port ssl backlog=4096;
    ssl_certificate $certificate;
    ssl_certificate_key $key;
    ssl_protocols TLSv1.2 TLSv1.3;
    location / {
      proxy_pass http://$(sed -n 's/^listening on //p' "$folder/out");
      proxy_http_version 1.1;
      proxy_set_header Upgrade \$http_upgrade;
      proxy_set_header Connection upgrade;
      proxy_set_header Host \$http_host;
      proxy_set_header X-Real-IP \$remote_addr;
      proxy_set_header X-Forwarded-For \$proxy_add_x_forwarded_for;
      proxy_read_timeout 120s;
    }
  }
}
CONF
nginx -c "$folder/nginx.conf" -p "$folder" -e "$folder/error.log" &
nginx=$!
until [ -s "$folder/nginx.pid" ]; do sleep 0.05; done
echo "listening on 127.0.0.1:$port"
wait
