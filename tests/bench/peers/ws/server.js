// The benchmark's server on `ws`: /echo, /chat, /rooms?room=NAME, /slow. By TLS where it is given a certificate and a key:
//   server.js [CERTIFICATE KEY]
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { WebSocketServer } from 'ws';

const [certificate, key] = process.argv.slice(2);
const web = certificate
  ? createSecureServer({ cert: readFileSync(certificate), key: readFileSync(key) })
  : createServer();

const clock = new Int32Array(new SharedArrayBuffer(4));
const rooms = new Map();
let lastNumber = 0;

const server = new WebSocketServer({ server: web, maxPayload: 1024 * 1024,
  // For clients that offer it, from as many bytes on as Detent.
  perMessageDeflate: { threshold: 256 } });
web.listen(0, '127.0.0.1', 4096, () => console.log(`listening on 127.0.0.1:${web.address().port}`));
server.on('connection', (socket, request) => {
  socket.on('error', () => {});
  if (request.url === '/echo') {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  } else if (request.url === '/slow') {
    socket.on('message', (data, isBinary) => {
      // A blocking call, as a synchronous database driver makes it.
      Atomics.wait(clock, 0, 0, 10);
      socket.send(data, { binary: isBinary });
    });
  } else {
    enter(socket, request.url);
  }
});

function enter(socket, name) {
  const number = ++lastNumber;
  if (!rooms.has(name)) rooms.set(name, new Set());
  const room = rooms.get(name);
  room.add(socket);
  socket.on('close', () => room.delete(socket));
  socket.on('message', (data) => {
    const line = `Client ${number}: ${data}`;
    for (const member of room) member.send(line);
  });
}
