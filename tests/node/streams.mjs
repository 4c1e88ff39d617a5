// Plays one run through the official Node client: `node streams.mjs <base URL> <plan as JSON>`.
//
// Prints what the client made of each stream, as one line of JSON. Before it, a line `stop` where the plan has the run
// stopped; it goes on once it has read a line. Exits with 1 and the error on stderr when the client throws.

import { createInterface } from 'node:readline';
import OpenAI from 'openai';
import { AssistantStream } from 'openai/lib/AssistantStream';

const [baseURL, given] = process.argv.slice(2);
const plan = JSON.parse(given);
const client = new OpenAI({ apiKey: 'any', baseURL, maxRetries: 0, timeout: 20_000 });
const threads = client.beta.threads;
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

const CALLBACKS = [
  'messageCreated',
  'messageDone',
  'textCreated',
  'textDone',
  'runStepCreated',
  'runStepDone',
  'toolCallCreated',
  'toolCallDone',
];

async function stop() {
  process.stdout.write('stop\n');
  await answers.next();
}

async function hear(stream) {
  const heard = { events: [], text: '', calls: [], stepsDone: [], messagesDone: [] };
  heard.counts = Object.fromEntries(CALLBACKS.map((name) => [name, 0]));
  let stopping = null;
  let count = 0;
  stream.on('event', ({ event }) => {
    heard.events.push(event);
    if (!plan.at_rest && event === plan.stop_after && ++count === plan.stop_times) stopping = stop();
  });
  for (const name of CALLBACKS) stream.on(name, () => heard.counts[name]++);
  stream.on('textDelta', (delta) => (heard.text += delta.value ?? ''));
  stream.on('toolCallDone', (call) => heard.calls.push(structuredClone(call)));
  stream.on('runStepDone', (step) => heard.stepsDone.push(structuredClone(step)));
  stream.on('messageDone', (message) => heard.messagesDone.push(structuredClone(message)));
  heard.run = await stream.finalRun();
  heard.steps = await stream.finalRunSteps();
  heard.messages = await stream.finalMessages();
  await stopping;
  return heard;
}

async function play() {
  const start = { assistant_id: plan.assistant_id, ...plan.body };
  const heard = [
    plan.thread_id === null
      ? await hear(threads.createAndRunStream({ thread: plan.thread, ...start }))
      : await hear(threads.runs.stream(plan.thread_id, start)),
  ];
  for (const outputs of plan.outputs) {
    const { id, thread_id, required_action } = heard.at(-1).run;
    const calls = required_action.submit_tool_outputs.tool_calls;
    const tool_outputs = calls.map((call, index) => ({ tool_call_id: call.id, output: outputs[index] }));
    heard.push(await hear(threads.runs.submitToolOutputsStream(id, { thread_id, tool_outputs })));
  }
  if (plan.at_rest) {
    await stop();
    const { id, thread_id } = heard.at(-1).run;
    const starting_after = heard.reduce((sum, { events }) => sum + events.length, 0);
    const path = `/threads/${thread_id}/runs/${id}/events`;
    const events = await client.get(path, { query: { starting_after }, stream: true });
    heard.push(await hear(AssistantStream.fromReadableStream(events.toReadableStream())));
  }
  return heard;
}

try {
  process.stdout.write(JSON.stringify(await play()) + '\n', () => process.exit(0));
} catch (error) {
  console.error(`${error.constructor.name}: ${error.message}`);
  process.exit(1);
}
