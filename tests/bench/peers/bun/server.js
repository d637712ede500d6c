// The benchmark's server on Bun's own WebSocket (uWebSockets inside): /echo, /chat, /rooms?room=NAME, /slow. By TLS
// where it is given a certificate and a key:
//   server.js [CERTIFICATE KEY]
const [certificate, key] = process.argv.slice(2);
let lastNumber = 0;

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  tls: certificate ? { cert: Bun.file(certificate), key: Bun.file(key) } : undefined,
  fetch(request, server) {
    const url = new URL(request.url);
    if (server.upgrade(request, { data: { path: url.pathname, room: url.pathname + url.search, number: 0 } })) return;
    return new Response('WebSocket only', { status: 426 });
  },
  websocket: {
    maxPayloadLength: 1024 * 1024,
    // For clients that offer it.
    perMessageDeflate: true,
    open(socket) {
      if (socket.data.path === '/echo' || socket.data.path === '/slow') return;
      socket.data.number = ++lastNumber;
      socket.subscribe(socket.data.room);
    },
    message(socket, message) {
      const { path, room, number } = socket.data;
      if (path === '/echo') {
        socket.send(message, true);
      } else if (path === '/slow') {
        // A blocking call, as a synchronous database driver makes it.
        Bun.sleepSync(10);
        socket.send(message);
      } else {
        server.publish(room, `Client ${number}: ${message}`, true);
      }
    },
  },
});
console.log(`listening on 127.0.0.1:${server.port}`);
