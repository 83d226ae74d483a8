import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { Parse, asMaster, freshClass, initialize, other } from './loam.mjs';

afterEach(() => initialize());

test('the objects of an app are not in the other', async () => {
  const Note = freshClass('Note');
  await new Note({ text: 'milk' }).save();
  initialize(other);
  assert.deepEqual(await new Parse.Query(Note).find(asMaster), []);
  await new Note({ text: 'bread' }).save(null, asMaster);
  initialize();
  const found = await new Parse.Query(Note).find();
  assert.deepEqual(found.map(note => note.get('text')), ['milk']);
});

test('each app has its own keys', async () => {
  const Note = freshClass('Note');
  initialize(other);
  await new Note({ text: 'milk' }).save(null, asMaster);
  assert.equal((await new Parse.Query(Note).find()).length, 1);
  initialize({ ...other, javascriptKey: 'wrong' });
  await assert.rejects(new Parse.Query(Note).find(), /unauthorized/);
});

test('each app has its own options', async () => {
  const Note = freshClass('Note');
  await new Note().save();
  initialize(other);
  await assert.rejects(new Note().save(), { code: Parse.Error.OPERATION_FORBIDDEN });
});

test('each app has its own configuration', async () => {
  await Parse.Config.save({ who: 'first' }, {});
  initialize(other);
  await Parse.Config.save({ who: 'second' }, {});
  assert.equal((await Parse.Config.get()).get('who'), 'second');
  initialize();
  assert.equal((await Parse.Config.get()).get('who'), 'first');
});
