/* A client of Media Vault with nothing but Node 18: node client.mjs URL USER PASSWORD FILE [PER_PAGE]
   Logs in, listens to media_updates (server-sent events, begun again where they were cut), uploads the file,
   waits until the hub has made of it what it can, and pages through the list, never faster than it allows.
   A page in a browser has EventSource instead of listen(), with a ticket in its URL. */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';

const SILENCE_MS = 60000; // the hub says something every 15 s
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const later = (answer) => answer.status === 429 || answer.status === 503;

const fail = (message) => { console.error(message); process.exit(1); };

/* Spreads the last tenth of what may pass over the rest of the window. */
async function slowDown(headers) {
  const limit = Number(headers.get('X-RateLimit-Limit') ?? 0);
  let left = Number(headers.get('X-RateLimit-Remaining') ?? 0);
  let restMs = Number(headers.get('X-RateLimit-Reset') ?? 0) * 1000 - Date.now();
  const told = /;r=(\d+);t=(\d+)/.exec(headers.get('RateLimit') ?? '');
  if (told) [left, restMs] = [Number(told[1]), Number(told[2]) * 1000];
  if (limit && left <= limit / 10) await sleep(Math.max(restMs, 0) / (left + 1));
}

class Client {
  constructor(url) {
    this.url = url.replace(/\/$/, '');
  }

  headers(more) {
    return { ...more, ...(this.token && { Authorization: `Bearer ${this.token}` }) };
  }

  /* The answer as JSON. body: the bytes of a file, or what becomes JSON. */
  async call(method, path, body) {
    const file = Buffer.isBuffer(body);
    const headers = body && { 'Content-Type': file ? 'application/octet-stream' : 'application/json' };
    for (;;) {
      const answer = await fetch(`${this.url}/api/v1${path}`, {
        method, headers: this.headers(headers), body: file ? body : body && JSON.stringify(body) });
      if (answer.ok) return slowDown(answer.headers).then(() => answer.json());
      if (!later(answer)) fail(`${method} ${path}: ${answer.status} ${await answer.text()}`);
      await sleep(Number(answer.headers.get('Retry-After') ?? 1) * 1000);
    }
  }

  /* What happens, for ever and without a gap that is not told; see /docs/realtime. */
  async *listen(channel) {
    for (let last = '', retryMs = 2000; ; await sleep(retryMs)) {
      const stop = new AbortController();
      let silence = setTimeout(() => stop.abort(), SILENCE_MS);
      try {
        const answer = await fetch(`${this.url}/realtime?channel=${channel}`, { signal: stop.signal,
          headers: this.headers({ Accept: 'text/event-stream', 'Last-Event-ID': last }) });
        if (!answer.ok && !later(answer)) fail(`/realtime: ${answer.status} ${await answer.text()}`);
        let rest = '';
        for await (const piece of answer.body.pipeThrough(new TextDecoderStream())) {
          silence.refresh();
          const lines = (rest + piece).split('\n');
          rest = lines.pop();
          for (const [, name, value] of lines.map((line) => /^(\w+): (.*)$/.exec(line) ?? [])) {
            if (name === 'id') last = value; // where to go on
            else if (name === 'retry') retryMs = Number(value);
            else if (name === 'data') yield JSON.parse(value);
          }
        }
      } catch (cut) {
        if (!stop.signal.aborted && !(cut instanceof TypeError)) throw cut; // a TypeError is a network's
      } finally {
        clearTimeout(silence);
        stop.abort();
      }
    }
  }

  async *items(perPage) {
    for (let path = `/media?per_page=${perPage}`; path;) {
      const answer = await this.call('GET', path);
      yield* answer.data;
      path = answer.meta.pagination.links.next;
    }
  }
}

const [url, username, password, file, perPage = 20] = process.argv.slice(2);
const client = new Client(url);
client.token = (await client.call('POST', '/auth/login', { username, password })).token;
let media, listed = 0;
for await (const message of client.listen('media_updates')) {
  if (message.type === 'subscribed' && !media)
    media = (await client.call('POST', `/media/upload?filename=${encodeURIComponent(basename(file))}`,
      await readFile(file))).data.id;
  console.log(message.type, message.event ?? '', message.resource_id ?? '');
  if (message.resource_id === media && /^media\.(ready|failed)$/.test(message.event)) break;
}
for await (const item of client.items(perPage)) listed += 1;
console.log('listed', listed);
