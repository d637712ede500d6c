// Pushes a text to everyone who listens: node push.mjs URL TEXT [TOKEN]
const [url, body, token] = process.argv.slice(2);
const headers = { 'Content-Type': 'text/plain' };
if (token) headers.Authorization = `Bearer ${token}`;
const answer = await fetch(url, { method: 'POST', headers, body });
const text = (await answer.text()).trim();
if (!answer.ok) {
  console.error(`${answer.status} ${text}`);
  process.exit(1);
}
console.log(text);
