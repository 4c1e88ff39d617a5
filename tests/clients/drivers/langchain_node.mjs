// LangChain's `OpenAIAssistantRunnable` for Node: `langchain_node.mjs <url> <key> <key> <directory of its packages>`.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { RESULT, TWO_CITIES, key, rest, run, url, weatherIn } from './driver.mjs';

const require = createRequire(`${rest[0]}/`);
const { OpenAIAssistantRunnable } = require('langchain/experimental/openai_assistant');
const { AgentExecutor } = require('langchain/agents');
const { OpenAIClient } = require('@langchain/openai');
const { DynamicStructuredTool } = require('@langchain/core/tools');

const asked = [];
const getWeather = new DynamicStructuredTool({
  name: 'get_weather',
  description: 'Tell the weather of a city.',
  schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  func: async ({ city }) => (asked.push(city), weatherIn(city)),
});

async function aRunnable({ tools = [], clientOptions = {}, ...given } = {}) {
  const runnable = await OpenAIAssistantRunnable.createAssistant({
    model: 'tiny',
    name: 'Echo',
    instructions: 'Repeat.',
    tools,
    clientOptions: { apiKey: key, baseURL: `${url}/v1`, maxRetries: 0, ...clientOptions },
    ...given,
  });
  runnable.pollIntervalMs = 20;
  return runnable;
}

const textsOf = (messages) => messages.map((message) => message.content[0].text.value);

async function talk(runnable, ...texts) {
  let threadId;
  for (const content of texts) {
    const answered = await runnable.invoke({ content, ...(threadId && { threadId }) });
    assert.deepEqual(textsOf(answered), [content]);
    threadId = answered[0].thread_id;
  }
  return threadId;
}

async function chat() {
  const runnable = await aRunnable();
  await talk(runnable, 'Hello', 'And now?');
  assert.equal((await runnable.modifyAssistant({ name: 'Other' })).name, 'Other');
  assert.equal((await runnable.getAssistant()).instructions, 'Repeat.');
  assert((await runnable.deleteAssistant()).deleted);
}

async function tools_polled() {
  asked.length = 0;
  const agent = await aRunnable({ tools: [getWeather], asAgent: true });
  const executor = AgentExecutor.fromAgentAndTools({ agent, tools: [getWeather] });
  assert.equal((await executor.invoke({ content: TWO_CITIES })).output, RESULT);
  assert.deepEqual(asked.toSorted(), ['Oslo', 'Paris', 'Rome']);
}

async function create_and_run() {
  const runnable = await aRunnable();
  const [message] = await runnable.invoke({ content: 'Hello', threadMetadata: { kind: 'new' } });
  const thread = await runnable.client.beta.threads.retrieve(message.thread_id);
  assert.deepEqual(thread.metadata, { kind: 'new' });
}

async function errors() {
  const missing = new OpenAIAssistantRunnable({
    assistantId: 'asst_none',
    clientOptions: { apiKey: key, baseURL: `${url}/v1`, maxRetries: 0 },
  });
  await assert.rejects(missing.invoke({ content: 'Hello' }), /No assistant found with id 'asst_none'\./);
  await assert.rejects((await aRunnable()).invoke({ content: 'break off' }), /Unexpected run status failed/);
  // It still has `file_ids`, of version 1: they are refused as the real service did.
  await assert.rejects(aRunnable({ fileIds: ['file-none'] }), /Unknown parameter: 'file_ids'\./);
}

async function files() {
  const runnable = await aRunnable({ tools: [{ type: 'file_search' }, { type: 'code_interpreter' }] });
  const upload = new File(['Restart it.'], 'runbook.txt');
  const file = await runnable.client.files.create({ file: upload, purpose: 'assistants' });
  const attachments = [{ file_id: file.id, tools: [{ type: 'file_search' }] }];
  const [answer] = await runnable.invoke({ content: 'Hello', attachments });
  const thread = await runnable.client.beta.threads.retrieve(answer.thread_id);
  assert.equal(thread.tool_resources.file_search.vector_store_ids.length, 1);
}

async function base_urls() {
  for (const path of ['', '/', '/v1', '/v1/']) {
    await talk(await aRunnable({ clientOptions: { baseURL: url + path } }), 'Hello');
  }
}

async function keys() {
  const clientOptions = { apiKey: 'sk-wrong-0123456789' };
  await assert.rejects(aRunnable({ clientOptions }), OpenAIClient.AuthenticationError);
}

async function parallel() {
  const runnable = await aRunnable();
  await Promise.all([0, 1, 2, 3, 4].map((number) => talk(runnable, `thread ${number}`, `again ${number}`)));
}

await run(
  { langchain: require('langchain/package.json').version, openai: require('openai/version').VERSION },
  { chat, tools_polled, create_and_run, errors, files, base_urls, keys, parallel },
  ['It waits in a loop of its own, which the other scenarios show.', 'poll_helpers'],
  ['It does not stream.', 'stream', 'tools_streamed', 'leaving'],
  ['It reads the first page of messages only.', 'paging'],
  ['It has no way to cancel.', 'cancel'],
  ['It sends no more than it was given.', 'nulls'],
  ['It has chat models for that, which are clients of their own.', 'passthrough'],
);
