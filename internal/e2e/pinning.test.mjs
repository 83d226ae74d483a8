import assert from 'node:assert/strict';
import { afterEach, before, test } from 'node:test';
import { Parse, freshClass, saved } from './loam.mjs';

before(() => Parse.enableLocalDatastore(false));
afterEach(() => Parse.LocalDatastore._clear());

test('a pinned object is found without the server', async () => {
  const Note = freshClass('Note');
  const [note] = await saved(Note, { text: 'milk' });
  await note.pin();
  assert.ok(await note.isPinned());
  const query = new Parse.Query(Note).fromLocalDatastore();
  const found = await query.equalTo('text', 'milk').find();
  assert.equal(found[0].id, note.id);
  await note.unPin();
  assert.ok(!(await note.isPinned()));
});

test('what a query found is pinned by name', async () => {
  const Note = freshClass('Note');
  await saved(Note, { n: 1 }, { n: 2 }, { n: 3 });
  const found = await new Parse.Query(Note).greaterThan('n', 1).find();
  await Parse.Object.pinAllWithName('some', found);
  const local = await new Parse.Query(Note).fromPinWithName('some').ascending('n').find();
  assert.deepEqual(local.map(o => o.get('n')), [2, 3]);
  await Parse.Object.unPinAllObjectsWithName('some');
  assert.equal((await new Parse.Query(Note).fromPinWithName('some').find()).length, 0);
});

test('a pinned object takes changes along with what it points to', async () => {
  const [Author, Book] = [freshClass('Author'), freshClass('Book')];
  const author = new Author({ name: 'Ann' });
  const book = new Book({ title: 'One', author });
  await book.pin();
  await book.save();
  const local = await new Parse.Query(Book).fromLocalDatastore().include('author').get(book.id);
  assert.equal(local.get('author').get('name'), 'Ann');
  await book.save({ title: 'Two' });
  const renewed = await new Parse.Query(Book).fromPin().first();
  assert.equal(renewed.get('title'), 'Two');
});

test('a bare object is filled from the pin, and renewed from the server', async () => {
  const Note = freshClass('Note');
  const [note] = await saved(Note, { n: 1 });
  await note.pin();
  const bare = Note.createWithoutData(note.id);
  await bare.fetchFromLocalDatastore();
  assert.equal(bare.get('n'), 1);
  await Parse.LocalDatastore.updateFromServer();
  assert.equal((await new Parse.Query(Note).fromNetwork().get(note.id)).get('n'), 1);
});
