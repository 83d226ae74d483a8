import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Parse, freshClass, saved, values } from './loam.mjs';

async function tags() {
  const Tag = freshClass('Tag');
  return saved(Tag, { name: 'red', n: 1 }, { name: 'green', n: 2 }, { name: 'blue', n: 3 });
}

test('objects are added to a relation and removed from it', async () => {
  const Note = freshClass('Note');
  const [red, green, blue] = await tags();
  const note = new Note();
  note.relation('tags').add([red, green]);
  await note.save();
  assert.deepEqual(await values(note.relation('tags').query().ascending('n'), 'name'), ['red', 'green']);

  note.relation('tags').remove(red);
  note.relation('tags').add(blue);
  await note.save();
  assert.deepEqual(await values(note.relation('tags').query().ascending('n'), 'name'), ['green', 'blue']);

  note.relation('tags').add(blue);
  await note.save();
  assert.equal(await note.relation('tags').query().count(), 2);
});

test('a relation of a fetched object', async () => {
  const Note = freshClass('Note');
  const [red] = await tags();
  const note = new Note();
  note.relation('tags').add(red);
  await note.save();
  const read = await new Parse.Query(Note).get(note.id);
  assert.ok(read.get('tags') instanceof Parse.Relation);
  assert.equal(read.relation('tags').targetClassName, red.className);
  assert.deepEqual(await values(read.relation('tags').query(), 'name'), ['red']);
});

test('the query of a relation takes conditions', async () => {
  const Note = freshClass('Note');
  const all = await tags();
  const note = new Note();
  note.relation('tags').add(all);
  await note.save();
  const query = note.relation('tags').query().greaterThan('n', 1).descending('n').limit(1);
  assert.deepEqual(await values(query, 'name'), ['blue']);
});

test('who has an object in the relation', async () => {
  const Note = freshClass('Note');
  const [red, green] = await tags();
  const [one, two] = [new Note({ n: 1 }), new Note({ n: 2 })];
  one.relation('tags').add([red, green]);
  two.relation('tags').add(green);
  await Parse.Object.saveAll([one, two]);
  assert.deepEqual(await values(new Parse.Query(Note).equalTo('tags', red), 'n'), [1]);
  assert.deepEqual(await values(new Parse.Query(Note).equalTo('tags', green).ascending('n'), 'n'), [1, 2]);
  assert.deepEqual(await values(new Parse.Query(Note).notEqualTo('tags', red), 'n'), [2]);
  assert.deepEqual(await values(new Parse.Query(Note).containedIn('tags', [red]), 'n'), [1]);
});

test('a relation holds one class', async () => {
  const [Note, Other] = [freshClass('Note'), freshClass('Other')];
  const [red] = await tags();
  const note = new Note();
  note.relation('tags').add(red);
  await note.save();
  const stranger = await new Other().save();
  const copy = Note.createWithoutData(note.id);
  copy.relation('tags').add(stranger);
  await assert.rejects(copy.save(), { code: Parse.Error.INCORRECT_TYPE });
});

test('destroyed objects are in no relation', async () => {
  const Note = freshClass('Note');
  const [red, green] = await tags();
  const note = new Note();
  note.relation('tags').add([red, green]);
  await note.save();
  await red.destroy();
  assert.deepEqual(await values(note.relation('tags').query(), 'name'), ['green']);
});
