//! Parsing a request head: once for each connection.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use server::http::HttpLimits;
use server::http::peer::Remote;
use server::http::request::Request;

/// What Firefox sends.
const HEAD: &str = "GET /chat HTTP/1.1\r\nHost: 127.0.0.1:25252\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; \
    rv:140.0) Gecko/20100101 Firefox/140.0\r\nAccept: */*\r\nAccept-Language: en-US,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\nSec-WebSocket-Version: 13\r\nOrigin: http://127.0.0.1:25252\r\n\
    Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Connection: keep-alive, Upgrade\r\nSec-Fetch-Dest: empty\r\nSec-Fetch-Mode: websocket\r\n\
    Sec-Fetch-Site: same-origin\r\nPragma: no-cache\r\nCache-Control: no-cache\r\nUpgrade: websocket\r\n\r\n";

pub(crate) fn bench(criterion: &mut Criterion) {
    let peer = Remote::Tcp("127.0.0.1:50000".parse().expect("an address"));
    let mut group = criterion.benchmark_group("request");
    group.throughput(Throughput::Bytes(HEAD.len() as u64));
    group.bench_function("parse a browser's head", |bencher| {
        bencher.iter(|| {
            Request::parse(black_box(HEAD.as_bytes()), peer, HttpLimits::default())
                .expect("it is valid")
        });
    });
    group.finish();
}
