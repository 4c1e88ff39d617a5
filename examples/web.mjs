// A web page that talks with an assistant: answers appear while they are written, and survive a reload.
//
//   npm install --no-save --prefix examples openai@6
//   export OPENAI_BASE_URL=http://127.0.0.1:8020/v1 OPENAI_API_KEY=unused
//   node examples/web.mjs
//
// The browser never sees the key. Which thread is whose is in a cookie that scripts cannot read.

import { createServer } from 'node:http';
import OpenAI from 'openai';

const client = new OpenAI();
const { threads } = client.beta;
const assistant = await client.beta.assistants.create({
  model: process.env.MODEL ?? 'gpt-4o',
  instructions: 'You are a helpful assistant. Be brief.',
});

const PAGE = `<!doctype html>
<meta charset="utf-8">
<title>Chat</title>
<style>body { max-width: 40em; margin: auto; font-family: sans-serif } .user { font-weight: bold }</style>
<main></main>
<form><input autofocus placeholder="Say something"></form>
<script type="module">
  const add = (role, text = '') => {
    const p = document.createElement('p');
    p.className = role;
    p.textContent = text;
    return document.querySelector('main').appendChild(p);
  };
  for (const { role, text } of await (await fetch('/messages')).json()) add(role, text);
  document.querySelector('form').onsubmit = async (event) => {
    event.preventDefault();
    const input = event.target.firstChild;
    add('user', input.value);
    const asked = fetch('/messages', { method: 'POST', body: input.value });
    input.value = '';
    const answer = add('assistant');
    const pieces = (await asked).body.pipeThrough(new TextDecoderStream()).getReader();
    for (let read; !(read = await pieces.read()).done; ) answer.textContent += read.value;
  };
</script>`;

// The thread that the browser is on: none at first, and none where the server has it no more.
async function threadOf(request) {
  const id = /\bthread=(\w+)/.exec(request.headers.cookie)?.[1];
  if (id === undefined) return null;
  try {
    return (await threads.retrieve(id)).id;
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

// What was said on the thread, oldest first.
async function history(thread, response) {
  const said = [];
  if (thread) {
    for await (const { role, content } of threads.messages.list(thread, { order: 'asc' })) {
      said.push({ role, text: content.map((part) => part.text?.value ?? '').join('') });
    }
  }
  response.setHeader('Content-Type', 'application/json').end(JSON.stringify(said));
}

// The answer, piece by piece. A browser that leaves meanwhile finds the whole of it on the thread later.
async function answer(thread, text, response) {
  thread ??= (await threads.create()).id;
  const stream = threads.runs.stream(thread, {
    assistant_id: assistant.id,
    additional_messages: [{ role: 'user', content: text }],
  });
  response.on('close', () => stream.abort());
  response.setHeader('Set-Cookie', `thread=${thread}; HttpOnly; SameSite=Strict`);
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  for await (const { event, data } of stream) {
    if (event === 'thread.message.delta') for (const part of data.delta.content) response.write(part.text?.value ?? '');
    if (event === 'thread.run.failed') response.write(`[${data.last_error.message}]`);
  }
  response.end();
}

async function handle(request, response) {
  switch (`${request.method} ${request.url}`) {
    case 'GET /':
      return response.setHeader('Content-Type', 'text/html').end(PAGE);
    case 'GET /messages':
      return history(await threadOf(request), response);
    case 'POST /messages': {
      request.setEncoding('utf8');
      let text = '';
      for await (const piece of request) if ((text += piece).length > 10_000) return response.writeHead(413).end();
      return answer(await threadOf(request), text, response);
    }
    default:
      return response.writeHead(404).end();
  }
}

const server = createServer((request, response) => {
  handle(request, response).catch((error) => {
    if (response.destroyed) return; // the browser left
    if (!response.headersSent) response.writeHead(502);
    response.end(`[${error.message}]`);
  });
});
server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}`);
});
