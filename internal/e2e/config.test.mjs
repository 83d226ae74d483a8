import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Parse, asMaster } from './loam.mjs';

test('parameters are saved with the master key and read by all', async () => {
  const at = new Date('2020-01-01T00:00:00.000Z');
  await Parse.Config.save({
    greeting: 'hello',
    limit: 5,
    list: [1, 'a'],
    object: { a: { b: 1 } },
    place: new Parse.GeoPoint(1, 2),
    at,
  }, {});
  const config = await Parse.Config.get();
  assert.equal(config.get('greeting'), 'hello');
  assert.equal(config.get('limit'), 5);
  assert.deepEqual(config.get('list'), [1, 'a']);
  assert.deepEqual(config.get('object'), { a: { b: 1 } });
  assert.ok(config.get('place') instanceof Parse.GeoPoint);
  assert.deepEqual(config.get('at'), at);
  assert.equal(config.get('nothing'), undefined);
});

test('parameters for the master only', async () => {
  await Parse.Config.save({ open: 1, closed: 2 }, { closed: true });
  const config = await Parse.Config.get();
  assert.equal(config.get('open'), 1);
  assert.equal(config.get('closed'), undefined);
  const all = await Parse.Config.get(asMaster);
  assert.equal(all.get('closed'), 2);
});

test('the last configuration is kept', async () => {
  await Parse.Config.save({ kept: 'yes' }, {});
  await Parse.Config.get();
  assert.equal((await Parse.Config.current()).get('kept'), 'yes');
});

test('one parameter is changed, the others stay', async () => {
  await Parse.Config.save({ one: 1, two: 2 }, {});
  await Parse.Config.save({ two: 3 }, {});
  const config = await Parse.Config.get();
  assert.equal(config.get('one'), 1);
  assert.equal(config.get('two'), 3);
});
