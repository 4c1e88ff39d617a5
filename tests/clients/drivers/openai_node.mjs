// The official Node client: `openai_node.mjs <url> <key> <key> <directory of its package> <name of it> [azure]`.

import assert from 'node:assert/strict';
import { writeFileSync, createReadStream } from 'node:fs';
import { createRequire } from 'node:module';
import { BRIEF, LONG, RESULT, TWO_CITIES, WEATHER, key, otherKey, rest, run, until, url, weatherIn } from './driver.mjs';

const [directory, name, azure] = rest;
const require = createRequire(`${directory}/`);
const OpenAI = require(name);
const { VERSION } = require(`${name}/version`);
const first = VERSION.startsWith('4.');

const PLAIN = { maxRetries: 0, timeout: 20_000 };
const POLLED = { pollIntervalMs: 20 };
const apiVersion = '2024-05-01-preview';
const ANSWERED = [
  'thread.run.created',
  'thread.run.queued',
  'thread.run.in_progress',
  'thread.run.step.created',
  'thread.run.step.in_progress',
  'thread.message.created',
  'thread.message.in_progress',
  'thread.message.delta',
  'thread.message.completed',
  'thread.run.step.completed',
  'thread.run.completed',
];

function connected(given = {}) {
  if (azure) return new OpenAI.AzureOpenAI({ ...PLAIN, endpoint: url, apiVersion, apiKey: key, ...given });
  return new OpenAI({ ...PLAIN, baseURL: `${url}/v1`, apiKey: key, ...given });
}

if (azure) delete process.env.OPENAI_BASE_URL; // it may not stand beside an endpoint
const client = connected();
const { assistants, threads } = client.beta;
const { messages, runs } = threads;
const { files, vectorStores } = client;

/** Version 4 takes the ids from the outermost on; later ones the innermost, and the others by name. */
function inside(resource, method, outer, inner, body, options = {}) {
  if (first) return resource[method](outer, inner, ...(body ? [body] : []), options);
  const above = resource === vectorStores.files ? 'vector_store_id' : 'thread_id';
  return resource[method](inner, { [above]: outer, ...body }, options);
}

const removed = (resource, id) => resource[first ? 'del' : 'delete'](id);
const anAssistant = (given = {}) => assistants.create({ model: 'tiny', tools: [WEATHER], ...given });
const aThread = (...said) => threads.create({ messages: said.map((content) => ({ role: 'user', content })) });
const post = (thread, content) => messages.create(thread.id, { role: 'user', content });
const polled = (thread, assistant) => runs.createAndPoll(thread.id, { assistant_id: assistant.id }, POLLED);
const waiting = (run) => run.required_action.submit_tool_outputs.tool_calls;

async function every(pages) {
  const found = [];
  for await (const each of pages) found.push(each);
  return found;
}

function textOf(message) {
  assert.equal(message.content.length, 1);
  return message.content[0].text.value;
}

async function answerTo(run) {
  const found = await every(messages.list(run.thread_id, { run_id: run.id }));
  assert.equal(found.length, 1);
  assert.deepEqual([found[0].run_id, found[0].assistant_id], [run.id, run.assistant_id]);
  return textOf(found[0]);
}

const outputsFor = (run) =>
  waiting(run)
    .map((call) => ({ tool_call_id: call.id, output: weatherIn(JSON.parse(call.function.arguments).city) }))
    .reverse();

/** What a stream said, through its callbacks. */
async function hear(stream) {
  const heard = { events: [], text: '', calls: [] };
  stream.on('event', ({ event }) => {
    if (!event.endsWith('.delta') || heard.events.at(-1) !== event) heard.events.push(event);
  });
  stream.on('textDelta', (delta) => (heard.text += delta.value ?? ''));
  stream.on('toolCallDone', (call) => heard.calls.push([call.id, call.function.name, call.function.arguments]));
  heard.run = await stream.finalRun();
  heard.messages = await stream.finalMessages();
  return heard;
}

async function refused(kind, status, ask) {
  try {
    await ask();
  } catch (error) {
    assert(error instanceof OpenAI[kind], `${error.constructor.name} is no ${kind}: ${error.message}`);
    assert.equal(error.status, status);
    assert.deepEqual(Object.keys(error.error).sort(), ['code', 'message', 'param', 'type']);
    assert.equal(error.message, `${status} ${error.error.message}`);
    return error.error.message;
  }
  throw new Error(`no ${kind}`);
}

async function chat() {
  const assistant = await anAssistant({ name: 'Echo', instructions: 'Repeat.' });
  assert.match(assistant.id, /^asst_[a-zA-Z0-9]+$/);
  const thread = await threads.create();
  for (const said of ['How are you?', 'And now?']) {
    assert.equal(textOf(await post(thread, said)), said);
    let run = await runs.create(thread.id, { assistant_id: assistant.id });
    assert.deepEqual([run.status, run.usage], ['queued', null]);
    run = await until(async () => {
      const now = await inside(runs, 'retrieve', thread.id, run.id);
      return now.status === 'completed' && now;
    });
    assert.equal(await answerTo(run), said);
    assert(run.usage.total_tokens > 0);
  }
  const listed = await every(messages.list(thread.id, { order: 'asc' }));
  assert.deepEqual(listed.map(textOf), ['How are you?', 'How are you?', 'And now?', 'And now?']);
  assert((await removed(threads, thread.id)).deleted);
  assert((await removed(assistants, assistant.id)).deleted);
}

async function poll_helpers() {
  const [assistant, thread] = [await anAssistant(), await aThread('Hello')];
  assert.equal(await answerTo(await polled(thread, assistant)), 'Hello');
  await post(thread, 'Bye');
  let run = await runs.create(thread.id, { assistant_id: assistant.id });
  run = await inside(runs, 'poll', thread.id, run.id, undefined, POLLED);
  assert.deepEqual([run.status, await answerTo(run)], ['completed', 'Bye']);
  const steps = await every(inside(runs.steps, 'list', thread.id, run.id));
  assert.deepEqual(
    steps.map((step) => [step.type, step.status, step.usage]),
    [['message_creation', 'completed', run.usage]],
  );
}

async function stream() {
  const [assistant, thread] = [await anAssistant(), await aThread('Say these words one by one')];
  const heard = await hear(runs.stream(thread.id, { assistant_id: assistant.id }));
  assert.deepEqual(heard.events, ANSWERED);
  assert.equal(heard.text, 'Say these words one by one');
  assert.equal(heard.text, await answerTo(heard.run));
  assert.deepEqual(heard.run, { ...(await inside(runs, 'retrieve', thread.id, heard.run.id)) });
  assert.deepEqual(heard.messages.map(textOf), [heard.text]);
  const events = await every(await runs.create(thread.id, { assistant_id: assistant.id, stream: true }));
  assert.deepEqual([events[0].event, events.at(-1).event], [ANSWERED[0], ANSWERED.at(-1)]);
}

async function tools_polled() {
  const [assistant, thread] = [await anAssistant(), await aThread(TWO_CITIES)];
  let run = await polled(thread, assistant);
  assert.deepEqual([run.status, waiting(run).length], ['requires_action', 2]);
  run = await inside(runs, 'submitToolOutputs', thread.id, run.id, { tool_outputs: outputsFor(run) });
  assert.deepEqual([run.status, run.required_action], ['queued', null]);
  run = await inside(runs, 'poll', thread.id, run.id, undefined, POLLED);
  assert.deepEqual([run.status, waiting(run).length], ['requires_action', 1]);
  const outputs = { tool_outputs: outputsFor(run) };
  run = await inside(runs, 'submitToolOutputsAndPoll', thread.id, run.id, outputs, POLLED);
  assert.deepEqual([run.status, await answerTo(run)], ['completed', RESULT]);
}

async function tools_streamed() {
  const [assistant, thread] = [await anAssistant(), await aThread(TWO_CITIES)];
  const heard = [await hear(runs.stream(thread.id, { assistant_id: assistant.id }))];
  const calls = waiting(heard[0].run);
  assert.deepEqual(
    heard[0].calls,
    calls.map((call) => [call.id, 'get_weather', call.function.arguments]),
  );
  while (heard.at(-1).run.status === 'requires_action') {
    const { run } = heard.at(-1);
    const outputs = { tool_outputs: outputsFor(run) };
    heard.push(await hear(inside(runs, 'submitToolOutputsStream', thread.id, run.id, outputs)));
    assert.deepEqual(heard.at(-1).events.slice(0, 2), ['thread.run.step.completed', 'thread.run.queued']);
  }
  assert.deepEqual([heard.length, heard[1].calls.length], [3, 1]);
  assert.deepEqual([heard[2].text, await answerTo(heard[2].run)], [RESULT, RESULT]);
}

async function create_and_run() {
  const assistant = await anAssistant();
  const asked = { assistant_id: assistant.id, thread: { messages: [{ role: 'user', content: 'Hello' }] } };
  const run = await threads.createAndRunPoll(asked, POLLED);
  assert.deepEqual([run.status, await answerTo(run)], ['completed', 'Hello']);
  const heard = await hear(threads.createAndRunStream(asked));
  assert.deepEqual(heard.events, ['thread.created', ...ANSWERED]);
  assert.equal(heard.text, 'Hello');
}

async function paging() {
  const thread = await threads.create();
  const ids = [];
  for (let number = 0; number < 47; number++) ids.push((await post(thread, `number ${number}`)).id);
  const idsOf = (found) => found.map((message) => message.id);
  const newest = ids.toReversed();
  const page = await messages.list(thread.id);
  assert.deepEqual([idsOf(page.data), page.hasNextPage()], [newest.slice(0, 20), true]);
  for (const [order, expected] of [['asc', ids], ['desc', newest]]) {
    for (const limit of [undefined, 7]) {
      assert.deepEqual(idsOf(await every(messages.list(thread.id, { order, limit }))), expected);
    }
    const last = await messages.list(thread.id, { order, after: expected.at(-1) });
    assert.deepEqual([last.data, last.hasNextPage()], [[], false]);
  }
  const before = await messages.list(thread.id, { order: 'asc', before: ids[30], limit: 3 });
  assert.deepEqual(idsOf(before.data), ids.slice(27, 30));
}

async function cancel() {
  const assistant = await anAssistant({ model: 'slow' });
  let thread = await aThread(LONG);
  let run = await runs.create(thread.id, { assistant_id: assistant.id });
  await until(async () => (await inside(runs, 'retrieve', thread.id, run.id)).status === 'in_progress');
  assert.match((await inside(runs, 'cancel', thread.id, run.id)).status, /^cancell(ing|ed)$/);
  run = await inside(runs, 'poll', thread.id, run.id, undefined, POLLED);
  assert.equal(run.status, 'cancelled');
  await post(thread, 'Something else');
  assert.equal(await answerTo(await polled(thread, assistant)), 'Something else');

  thread = await aThread(LONG);
  const stream = runs.stream(thread.id, { assistant_id: assistant.id });
  stream.once('textDelta', () => inside(runs, 'cancel', thread.id, stream.currentRun().id));
  const heard = await hear(stream);
  assert.deepEqual([heard.run.status, heard.events.at(-1)], ['cancelled', 'thread.run.cancelled']);
}

async function leaving() {
  const [assistant, thread] = [await anAssistant({ model: 'slow' }), await aThread(BRIEF)];
  const stream = runs.stream(thread.id, { assistant_id: assistant.id });
  stream.once('textDelta', () => stream.abort());
  await assert.rejects(stream.done(), OpenAI.APIUserAbortError);
  const [left] = (await runs.list(thread.id)).data;
  const run = await inside(runs, 'poll', thread.id, left.id, undefined, POLLED);
  assert.deepEqual([run.status, await answerTo(run)], ['completed', BRIEF]);
  await post(thread, 'I am back');
}

async function errors() {
  const [assistant, thread] = [await anAssistant(), await aThread(TWO_CITIES)];
  const run = await polled(thread, assistant);
  let said = await refused('BadRequestError', 400, () => runs.create(thread.id, { assistant_id: assistant.id }));
  assert.deepEqual(said.match(/^Thread (\w+) already has an active run (\w+)\.$/)?.slice(1), [thread.id, run.id]);
  said = await refused('BadRequestError', 400, () => post(thread, 'Hi'));
  const found = said.match(/^Can't add messages to (thread_\w+) while a run (run_\w+) is active\.$/);
  assert.deepEqual(found?.slice(1), [thread.id, run.id]);
  const tool_outputs = waiting(run).map((call) => ({ tool_call_id: call.id, output: 'sun' }));
  const submit = (given) => () => inside(runs, 'submitToolOutputs', thread.id, run.id, { tool_outputs: given });
  said = await refused('BadRequestError', 400, submit(tool_outputs.slice(1)));
  assert.match(said, /^Expected tool outputs for call_ids \[/);
  await inside(runs, 'submitToolOutputsAndPoll', thread.id, run.id, { tool_outputs }, POLLED);
  said = await refused('BadRequestError', 400, submit(tool_outputs));
  assert.equal(said, 'Runs in status "completed" do not accept tool outputs.');
  said = await refused('BadRequestError', 400, () => inside(runs, 'cancel', thread.id, run.id));
  assert.equal(said, "Cannot cancel run with status 'completed'.");
  const missing = {
    "No assistant found with id 'asst_none'.": () => assistants.retrieve('asst_none'),
    "No thread found with id 'thread_none'.": () => threads.retrieve('thread_none'),
    "No run found with id 'run_none'.": () => inside(runs, 'retrieve', thread.id, 'run_none'),
    "No message found with id 'msg_none'.": () => inside(messages, 'retrieve', thread.id, 'msg_none'),
  };
  for (const [message, ask] of Object.entries(missing)) {
    assert.equal(await refused('NotFoundError', 404, ask), message);
  }
  const failed = await polled(await aThread('break off'), assistant);
  assert.deepEqual([failed.status, failed.last_error.code], ['failed', 'server_error']);
}

async function nulls() {
  const absent = { name: null, description: null, instructions: null, metadata: null, temperature: null, top_p: null };
  let assistant = await assistants.create({ model: 'tiny', tool_resources: null, response_format: null, ...absent });
  assert.deepEqual([assistant.name, assistant.metadata, assistant.temperature], [null, {}, 1]);
  assistant = await assistants.update(assistant.id, { name: 'Named', instructions: 'Repeat.', metadata: { a: '1' } });
  assistant = await assistants.update(assistant.id, { name: null, metadata: { b: '2' } });
  assert.deepEqual([assistant.name, assistant.instructions, assistant.metadata], [null, 'Repeat.', { b: '2' }]);
  const said = { role: 'user', content: 'Hello', attachments: null, metadata: null };
  const nowhere = { code_interpreter: null, file_search: null };
  const thread = await threads.create({ messages: [said], metadata: null, tool_resources: nowhere });
  assert.deepEqual((await threads.update(thread.id, { metadata: { user: 'u1' } })).metadata, { user: 'u1' });
  const message = await messages.create(thread.id, said);
  assert.deepEqual([message.attachments, message.metadata], [[], {}]);
  const run = await runs.createAndPoll(
    thread.id,
    {
      assistant_id: assistant.id,
      additional_instructions: null,
      additional_messages: null,
      instructions: null,
      max_completion_tokens: null,
      max_prompt_tokens: null,
      metadata: null,
      model: null,
      response_format: null,
      temperature: null,
      tool_choice: null,
      tools: null,
      top_p: null,
      truncation_strategy: null,
    },
    POLLED,
  );
  assert.deepEqual([run.status, run.instructions, run.tool_choice], ['completed', 'Repeat.', 'auto']);
  const changed = await inside(runs, 'update', thread.id, run.id, { metadata: { seen: 'yes' } });
  assert.deepEqual(changed.metadata, { seen: 'yes' });
}

async function uploads() {
  const data = 'The runbook says: restart it.\n'.repeat(20);
  const upload = await OpenAI.toFile(Buffer.from(data), 'runbook.txt');
  const file = await files.create({ file: upload, purpose: 'assistants' });
  assert.deepEqual([file.bytes, file.filename], [data.length, 'runbook.txt']);
  assert.equal(await (await files.content(file.id)).text(), data);
  assert((await every(files.list({ purpose: 'assistants' }))).some((each) => each.id === file.id));

  let store = await vectorStores.create({ name: 'Runbooks' });
  writeFileSync('disk.md', '# Disks\nFull disks are emptied.\n');
  const added = await vectorStores.files.uploadAndPoll(store.id, createReadStream('disk.md'), POLLED);
  assert.deepEqual([added.status, added.last_error], ['completed', null]);
  const rules = Array.from({ length: 7 }, (_, number) => OpenAI.toFile(Buffer.from(`Rule ${number}.\n`), `${number}.txt`));
  const batch = await vectorStores.fileBatches.uploadAndPoll(store.id, { files: await Promise.all(rules) }, POLLED);
  assert.deepEqual([batch.status, batch.file_counts.completed], ['completed', 7]);
  store = await vectorStores.retrieve(store.id);
  assert.deepEqual([store.status, store.file_counts.completed], ['completed', 8]);

  const tool_resources = { file_search: { vector_store_ids: [store.id] } };
  const assistant = await anAssistant({ tools: [{ type: 'file_search' }], tool_resources });
  const attachments = [{ file_id: file.id, tools: [{ type: 'file_search' }, { type: 'code_interpreter' }] }];
  const thread = await threads.create({ messages: [{ role: 'user', content: 'Hello', attachments }] });
  assert.equal(thread.tool_resources.file_search.vector_store_ids.length, 1);
  assert.equal(await answerTo(await polled(thread, assistant)), 'Hello');
  assert((await inside(vectorStores.files, first ? 'del' : 'delete', store.id, added.id)).deleted);
  assert((await removed(vectorStores, store.id)).deleted);
  assert((await removed(files, file.id)).deleted);
  await refused('NotFoundError', 404, () => files.retrieve(file.id));
}

async function base_urls() {
  const others = [];
  if (azure) {
    others.push(connected({ endpoint: `${url}/` }), connected({ deployment: 'tiny' }));
    for (const path of ['openai', 'v1']) {
      others.push(new OpenAI.AzureOpenAI({ ...PLAIN, baseURL: `${url}/${path}`, apiVersion, apiKey: key }));
    }
  } else {
    for (const path of ['', '/', '/v1', '/v1/']) others.push(connected({ baseURL: url + path }));
    for (const path of ['', '/v1']) {
      process.env.OPENAI_BASE_URL = url + path;
      others.push(new OpenAI(PLAIN));
    }
  }
  for (const other of others) {
    const assistant = await other.beta.assistants.create({ model: 'tiny' });
    const thread = await other.beta.threads.create({ messages: [{ role: 'user', content: 'Hello' }] });
    const asked = { assistant_id: assistant.id };
    assert.equal(await answerTo(await other.beta.threads.runs.createAndPoll(thread.id, asked, POLLED)), 'Hello');
    const said = { model: 'tiny', messages: [{ role: 'user', content: 'Hello' }] };
    assert.equal((await other.chat.completions.create(said)).choices[0].message.content, 'Hello');
  }
}

async function passthrough() {
  const names = (await every(client.models.list())).map((model) => model.id);
  assert(names.includes('tiny') && names.includes('slow'), names.join());
  const asked = { model: 'tiny', messages: [{ role: 'user', content: 'one two three' }] };
  assert.equal((await client.chat.completions.create(asked)).choices[0].message.content, 'one two three');
  const chunks = await every(await client.chat.completions.create({ ...asked, stream: true }));
  assert.equal(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join(''), 'one two three');
}

async function keys() {
  const thread = await threads.create();
  const wrong = connected({ apiKey: 'sk-wrong-0123456789' });
  await refused('AuthenticationError', 401, () => wrong.beta.threads.retrieve(thread.id));
  await refused('AuthenticationError', 401, () => wrong.models.list());
  const foreign = connected({ apiKey: otherKey });
  await refused('NotFoundError', 404, () => foreign.beta.threads.retrieve(thread.id));
}

async function parallel() {
  const assistant = await anAssistant({ tools: [] });
  const talk = async (number) => {
    const thread = await threads.create();
    for (let turn = 0; turn < 3; turn++) {
      const said = `thread ${number}, turn ${turn}`;
      await post(thread, said);
      assert.equal(await answerTo(await polled(thread, assistant)), said);
    }
  };
  await Promise.all([0, 1, 2, 3, 4].map(talk));
}

await run(
  { openai: VERSION },
  {
    chat,
    poll_helpers,
    stream,
    tools_polled,
    tools_streamed,
    create_and_run,
    paging,
    cancel,
    leaving,
    errors,
    nulls,
    files: uploads,
    base_urls,
    passthrough,
    keys,
    parallel,
  },
);
