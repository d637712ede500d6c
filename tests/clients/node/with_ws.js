// A client on `ws`, as tests/clients/README.md says; on Node.
import { createInterface } from 'node:readline';
import { WebSocket } from 'ws';

const [url, way] = process.argv.slice(2);
// With `false` it would refuse an answer that asks it to forget.
const forgets = way === 'forget' || undefined;
const perMessageDeflate =
  way !== 'plain' && { threshold: 0, serverNoContextTakeover: forgets, clientNoContextTakeover: forgets };
const client = new WebSocket(url, { perMessageDeflate });
client.on('upgrade', (response) => console.log('agreed:', response.headers['sec-websocket-extensions'] ?? ''));
client.on('message', (data) => console.log(data.toString()));
client.on('close', (code) => console.log('closed:', code));
client.on('open', () => {
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => client.send(line));
  lines.on('close', () => client.close(1000));
});
