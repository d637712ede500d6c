// A client on the WebSocket of Bun, as tests/clients/README.md says. It offers compression by itself, and cannot ask the
// other side to forget.
import { createInterface } from 'node:readline';

const [url, way] = process.argv.slice(2);
const client = new WebSocket(url, { perMessageDeflate: way !== 'plain' });
client.onmessage = (event) => console.log(event.data);
client.onclose = (event) => {
  console.log('closed:', event.code);
  process.exit();
};
client.onopen = () => {
  console.log('agreed:', client.extensions);
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => client.send(line));
  lines.on('close', () => client.close(1000));
};
