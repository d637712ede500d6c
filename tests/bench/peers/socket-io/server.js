// The benchmark's host on socket.io: what POST /push/NAME brings goes to the room of that name on all hosts that have the same
// Redis, by the adapter of its makers on streams; without a port, to those of this one.
//   server.js [REDIS_PORT]
import { createServer } from 'node:http';
import { createAdapter } from '@socket.io/redis-streams-adapter';
import { createClient } from 'redis';
import { Server } from 'socket.io';

const [port] = process.argv.slice(2);
const options = { transports: ['websocket'], perMessageDeflate: false, serveClient: false };
if (port) {
  const redis = createClient({ url: `redis://127.0.0.1:${port}` });
  await redis.connect();
  options.adapter = createAdapter(redis);
}

const web = createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    server.to(request.url).emit('m', Buffer.concat(parts).toString());
    response.writeHead(202, { 'Content-Length': 0 });
    response.end();
  });
});
web.keepAliveTimeout = 0;
const server = new Server(web, options);
server.on('connection', (socket) => socket.join(socket.handshake.query.room));
web.listen(0, '127.0.0.1', 4096, () => console.log(`listening on 127.0.0.1:${web.address().port}`));
