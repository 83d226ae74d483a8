import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, find, names, people, rest, save } from './app.mjs';

let authors, books, shelf;

test('authors, their books and a shelf', async () => {
  authors = await save('Author', { name: 'Anne', age: 30 }, { name: 'Bert', age: 50 }, { name: 'Cora', age: 70 });
  authors.Bert.__type = 'Pointer';
  await rest('PUT', `/classes/Author/${authors.Bert.objectId}`, { body: { friend: authors.Anne } });
  books = await save('Book',
    { name: 'First', author: authors.Anne, readers: [{ __type: 'Pointer', className: '_User', objectId: people.ada.id }] },
    { name: 'Second', author: authors.Bert, others: [authors.Anne, authors.Cora] },
    { name: 'Third', author: authors.Bert },
    { name: 'Fourth', note: { by: authors.Cora } },
    { name: 'Secret', author: authors.Cora, ACL: { [people.ada.id]: { read: true } } },
  );
  const op = { __op: 'AddRelation', objects: [books.First, books.Second, books.Secret] };
  const { objectId } = await rest('POST', '/classes/Shelf', { body: { name: 'shelf', books: op, top: books.First } });
  shelf = { __type: 'Pointer', className: 'Shelf', objectId };
});

test('by pointer', async () => {
  assert.deepEqual(await names('Book', { author: authors.Bert }), ['Second', 'Third']);
  assert.deepEqual(await names('Book', { author: { $in: [authors.Anne, authors.Cora] } }), ['First', 'Secret']);
  assert.deepEqual(await names('Book', { author: { $ne: authors.Bert } }), ['First', 'Fourth', 'Secret']);
  assert.deepEqual(await names('Book', { author: { $exists: false } }), ['Fourth']);
  assert.deepEqual(await names('Book', { others: authors.Cora }), ['Second']);
  assert.deepEqual(await names('Book', { 'note.by': authors.Cora }), ['Fourth']);
});

test('by what a pointer points to', async () => {
  const older = { where: { age: { $gt: 40 } }, className: 'Author' };
  assert.deepEqual(await names('Book', { author: { $inQuery: older } }), ['Second', 'Secret', 'Third']);
  assert.deepEqual(await names('Book', { author: { $notInQuery: older } }), ['First', 'Fourth']);
  const friends = { where: { friend: { $inQuery: { where: { name: 'Anne' }, className: 'Author' } } }, className: 'Author' };
  assert.deepEqual(await names('Book', { author: { $inQuery: friends } }), ['Second', 'Third']);
});

test('what is related', async () => {
  const related = { $relatedTo: { object: shelf, key: 'books' } };
  assert.deepEqual(await names('Book', related), ['First', 'Second', 'Secret']);
  assert.deepEqual(await names('Book', related, {}, 'ben'), ['First', 'Second']);
  assert.deepEqual(await names('Book', { ...related, author: authors.Bert }), ['Second']);
  assert.deepEqual(await names('Shelf', { books: books.Second }), ['shelf']);
  assert.deepEqual(await names('Shelf', { books: books.Third }), []);
  assert.deepEqual(await names('Shelf', { books: { $inQuery: { where: { name: 'First' }, className: 'Book' } } }), ['shelf']);
});

test('relations change', async () => {
  const change = body => rest('PUT', `/classes/Shelf/${shelf.objectId}`, { body: { books: body } });
  const related = { $relatedTo: { object: shelf, key: 'books' } };
  await change({ __op: 'RemoveRelation', objects: [books.First] });
  await change({ __op: 'AddRelation', objects: [books.Third, books.Second] });
  assert.deepEqual(await names('Book', related), ['Second', 'Secret', 'Third']);
  await change({ __op: 'Batch', ops: [{ __op: 'AddRelation', objects: [books.Fourth] }, { __op: 'RemoveRelation', objects: [books.Third] }] });
  assert.deepEqual(await names('Book', related), ['Fourth', 'Second', 'Secret']);
});

test('include', async () => {
  const [second] = await find('Book', { name: 'Second' }, { include: 'author.friend,others' });
  assert.equal(second.author.__type, 'Object');
  assert.equal(second.author.friend.name, 'Anne');
  assert.deepEqual(second.others.map(o => o.name), ['Anne', 'Cora']);
  const [fourth] = await find('Book', { name: 'Fourth' }, { include: 'note.by' });
  assert.equal(fourth.note.by.name, 'Cora');
  const [top] = await find('Shelf', undefined, { include: 'top.author', keys: 'top.name,top.author.age' });
  assert.equal(top.top.author.age, 30);
  const [all] = await find('Book', { name: 'First' }, { include: '*' }, 'ada');
  assert.equal(all.readers[0].username, 'ada');
  const [hidden] = await find('Book', { name: 'First' }, { includeAll: 'true' }, 'ben');
  assert.ok(!JSON.stringify(hidden).includes('ada@example.com'));
});

test('include of what is gone', async () => {
  const gone = await save('Author', { name: 'Gone' });
  await save('Book', { name: 'Orphan', author: gone.Gone });
  await rest('DELETE', `/classes/Author/${gone.Gone.objectId}`);
  const [orphan] = await find('Book', { name: 'Orphan' }, { include: 'author' });
  assert.equal(orphan.author, undefined);
  assert.ok((await ask(`/classes/Book/${orphan.objectId}`)).author);
});
