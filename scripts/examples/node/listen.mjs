// Prints what is said on a topic, and comes back when the server does: node listen.mjs URL
import { setTimeout } from 'node:timers/promises';

const [url] = process.argv.slice(2);
for (;;) {
  try {
    const answer = await fetch(url, { headers: { Accept: 'text/event-stream' } });
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
    let rest = '';
    for await (const part of answer.body.pipeThrough(new TextDecoderStream())) {
      const events = (rest + part).split('\n\n');
      rest = events.pop();
      for (const event of events) {
        const lines = event.split('\n');
        const data = lines.filter((line) => line.startsWith('data: ')).map((line) => line.slice(6));
        // Without a name it is a message; `close` and `binary` have one.
        if (data.length && !lines.some((line) => line.startsWith('event: '))) console.log(data.join('\n'));
      }
    }
  } catch (error) {
    console.error(error.cause?.message ?? error.message);
  }
  await setTimeout(1000);
}
