// What a driver written for Node is given, and what it says: a line of JSON for each scenario, as `driver.py` does.
//
// Its arguments are the server's address, a key, that of another project, and whatever else the driver wants.

import assert from 'node:assert/strict';

export const WEATHER = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'Tell the weather of a city.',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};
export const TWO_CITIES = 'What is the weather in Paris and Rome';
export const RESULT = 'The result is: snow';
export const LONG = Array.from({ length: 300 }, (_, number) => `word${number}`).join(' ');
export const BRIEF = Array.from({ length: 25 }, (_, number) => `word${number}`).join(' ');

export const weatherIn = (city) => ({ Paris: 'sun', Rome: 'ask for the weather in Oslo', Oslo: 'snow' })[city];

export const [url, key, otherKey, ...rest] = process.argv.slice(2);

const say = (said) => process.stdout.write(JSON.stringify(said) + '\n');

/** Ask until there is an answer, as programs do that poll. */
export async function until(ask, seconds = 20) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    assert(Date.now() < end, `not within ${seconds} s: ${ask}`);
    await new Promise((go) => setTimeout(go, 20));
  }
}

/** Play scenarios, given by name, and say why others cannot be: pairs of a reason and names. */
export async function run(versions, scenarios, ...cannot) {
  say({ versions });
  for (const [scenario, play] of Object.entries(scenarios)) {
    try {
      await play();
      say({ scenario, ok: true, detail: '' });
    } catch (error) {
      say({ scenario, ok: false, detail: error.stack ?? String(error) });
    }
  }
  for (const [detail, ...names] of cannot) for (const scenario of names) say({ scenario, ok: null, detail });
  process.exit(0);
}
